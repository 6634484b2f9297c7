"""What wraps another type: lists, Optional and Maybe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .._compat import Some
from ..snapshot import JSON
from .shape import Files, MismatchError, Shape, collect

__all__ = ["list_shape", "maybe_shape", "optional_shape"]


def optional_shape(inner: Shape) -> Shape:
    """Make the shape of ``inner | None``."""

    def dump(value: object, files: Files | None) -> JSON:
        return None if value is None else inner.dump(value, files)

    def load(data: JSON, files: Files | None) -> object:
        return None if data is None else inner.load(data, files)

    return Shape(
        name=f"{inner.name} | None",
        dump=dump,
        load=load,
        uploads=lambda data: () if data is None else inner.uploads(data),
        publish=lambda data: None if data is None else inner.publish(data),
        load_many=_skip_none(inner.load_many) if inner.load_many else None,
    )


def _skip_none(load_many: Callable[[list[JSON]], list[object]]) -> Callable[[list[JSON]], list[object]]:
    def load_present(items: list[JSON]) -> list[object]:
        present = iter(load_many([item for item in items if item is not None]))
        return [None if item is None else next(present) for item in items]

    return load_present


def maybe_shape(inner: Shape) -> Shape:
    """Make the shape of ``Maybe[inner]``: what is given travels in a list, so that null and absent differ."""

    def dump(value: object, files: Files | None) -> JSON:
        if value is None:
            return None
        if not isinstance(value, Some):
            raise MismatchError(f"Some({inner.name}) or None", value)
        return [inner.dump(value.value, files)]

    def load(data: JSON, files: Files | None) -> object:
        if data is None:
            return None
        if not isinstance(data, list) or len(data) != 1:
            raise MismatchError(f"Some({inner.name}) or None", data)
        return Some(inner.load(data[0], files))

    return Shape(
        name=f"Maybe[{inner.name}]",
        dump=dump,
        load=load,
        uploads=lambda data: collect(inner, data) if isinstance(data, list) else (),
    )


def list_shape(inner: Shape, *, any_iterable: bool) -> Shape:
    """Make the shape of a list.

    Args:
        inner: The items' shape.
        any_iterable: Whether a set, a generator or a queryset will do as well; it arrives as a list.
    """

    def dump(value: object, files: Files | None) -> JSON:
        if not isinstance(value, list | tuple) and not (any_iterable and _is_items(value)):
            raise MismatchError(f"list[{inner.name}]", value)
        data: list[JSON] = []
        try:
            for item in value:  # type: ignore[attr-defined]
                data.append(inner.dump(item, files))  # noqa: PERF401  # Its length is where it failed.
        except MismatchError as mismatch:
            mismatch.at(f"[{len(data)}]")
            raise
        return data

    def load(data: JSON, files: Files | None) -> object:
        if not isinstance(data, list):
            raise MismatchError(f"list[{inner.name}]", data)
        return _load_items(inner, data, files)

    def publish(data: JSON) -> JSON:
        return [inner.publish(item) for item in data] if isinstance(data, list) else None

    return Shape(
        name=f"list[{inner.name}]",
        dump=dump,
        load=load,
        uploads=lambda data: collect(inner, data) if isinstance(data, list) else (),
        publish=publish,
    )


def _is_items(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | bytearray | Mapping)


def _load_items(inner: Shape, items: list[JSON], files: Files | None) -> list[object]:
    if inner.load_many is not None:
        return inner.load_many(items)
    values: list[object] = []
    try:
        for item in items:
            values.append(inner.load(item, files))  # noqa: PERF401  # Its length is where it failed.
    except MismatchError as mismatch:
        mismatch.at(f"[{len(values)}]")
        raise
    return values
