"""What wraps another type: lists, Optional and Maybe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._compat import Some
from ..snapshot import JSON
from .models import from_queryset, queryset_of
from .rows import LEFT_OUT, Found, Path, Replace
from .schema_view import SchemaView
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
        rows=lambda data, path, replace: None if data is None else inner.rows(data, path, replace),
        publish=lambda data, view: None if data is None else inner.publish(data, view),
        hidden=inner.hidden,
    )


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
        rows=_rows_of_items(inner),
    )


def list_shape(inner: Shape, *, any_iterable: bool) -> Shape:
    """Make the shape of a list.

    Args:
        inner: The items' shape.
        any_iterable: Whether a set, a generator or a queryset will do as well; it arrives as a list.
    """

    def dump(value: object, files: Files | None) -> JSON:
        queryset = queryset_of(value) if any_iterable else None
        if queryset is not None:
            return from_queryset(_dump_items(inner, queryset, files))
        if not isinstance(value, list | tuple) and not (any_iterable and _is_items(value)):
            raise MismatchError(f"list[{inner.name}]", value)
        return _dump_items(inner, value, files)  # type: ignore[arg-type]  # Mypy does not see that it is iterable.

    def load(data: JSON, files: Files | None) -> object:
        if not isinstance(data, list):
            raise MismatchError(f"list[{inner.name}]", data)
        return _load_items(inner, data, files)

    return Shape(
        name=f"list[{inner.name}]",
        dump=dump,
        load=load,
        uploads=lambda data: collect(inner, data) if isinstance(data, list) else (),
        rows=_rows_of_items(inner),
        publish=lambda data, view: _publish_items(inner, data, view),
        hidden=inner.hidden,
    )


def _rows_of_items(inner: Shape) -> Callable[[JSON, Path, Replace], Any]:
    def rows(data: JSON, path: Path, replace: Replace) -> Any:
        if not isinstance(data, list):
            return data
        items = (inner.rows(item, path, replace) for item in data)
        return [item for item in items if item != Found(LEFT_OUT)]

    return rows


def _is_items(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | bytearray | Mapping)


def _publish_items(inner: Shape, data: JSON, view: SchemaView) -> JSON:
    if not isinstance(data, list):
        raise MismatchError(f"list[{inner.name}]", data)
    return [inner.publish(item, view) for item in data]


def _dump_items(inner: Shape, items: Iterable[object], files: Files | None) -> list[JSON]:
    data: list[JSON] = []
    try:
        for item in items:
            data.append(inner.dump(item, files))  # noqa: PERF401  # Its length is where it failed.
    except MismatchError as mismatch:
        mismatch.at(f"[{len(data)}]")
        raise
    return data


def _load_items(inner: Shape, items: list[JSON], files: Files | None) -> list[object]:
    values: list[object] = []
    try:
        for item in items:
            values.append(inner.load(item, files))  # noqa: PERF401  # Its length is where it failed.
    except MismatchError as mismatch:
        mismatch.at(f"[{len(values)}]")
        raise
    return values
