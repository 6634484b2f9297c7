"""Unions and interfaces: the value's own type travels as ``__typename``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..snapshot import JSON
from .rows import Found, Path, Replace
from .shape import Files, MismatchError, Shape

__all__ = ["interface_shape", "union_shape"]


def union_shape(name: str, arms: Mapping[str, Shape]) -> Shape:
    """Make the shape of a union.

    Args:
        name: How errors call it.
        arms: The possible types by their GraphQL names.
    """

    def dump(value: object, files: Files | None) -> JSON:
        refusal: MismatchError | None = None
        for typename, arm in arms.items():
            if arm.accepts is not None and arm.accepts(value):
                try:
                    return _with_typename(typename, arm.dump(value, files))
                except MismatchError as mismatch:
                    # Several arms may be of one generic class; the value tells which only by what is in it.
                    refusal = refusal or mismatch
        raise refusal or MismatchError(name, value)

    def by_typename(data: JSON) -> Shape:
        arm = arms.get(_typename(data))
        if arm is None:
            raise MismatchError(name, data)
        return arm

    return _dispatching(name, dump, by_typename)


def interface_shape(
    name: str, of_value: Callable[[object], tuple[str, Shape] | None], of_name: Callable[[str], Shape | None]
) -> Shape:
    """Make the shape of an interface.

    Args:
        name: How errors call it.
        of_value: Finds the GraphQL name and the shape of the type that a value is of.
        of_name: Finds the shape of the type with a GraphQL name.
    """

    def dump(value: object, files: Files | None) -> JSON:
        found = of_value(value)
        if found is None:
            raise MismatchError(name, value)
        typename, shape = found
        return _with_typename(typename, shape.dump(value, files))

    def by_typename(data: JSON) -> Shape:
        shape = of_name(_typename(data))
        if shape is None:
            raise MismatchError(name, data, "no type of that name is imported here")
        return shape

    return _dispatching(name, dump, by_typename)


def _dispatching(
    name: str, dump: Callable[[object, Files | None], JSON], by_typename: Callable[[JSON], Shape]
) -> Shape:
    def publish(data: JSON) -> JSON:
        return _with_typename(_typename(data), by_typename(data).publish(data))

    def load(data: Any, files: Files | None) -> object:
        return data.row if isinstance(data, Found) else by_typename(data).load(data, files)

    def rows(data: JSON, path: Path, replace: Replace) -> Any:
        try:
            shape = by_typename(data)
        except MismatchError:  # `load` tells where it stands.
            return data
        return _with_typename(_typename(data), shape.rows(data, path, replace))

    return Shape(name=name, dump=dump, load=load, rows=rows, publish=publish)


def _typename(data: JSON) -> str:
    typename = data.get("__typename") if isinstance(data, dict) else None
    return typename if isinstance(typename, str) else ""


def _with_typename(typename: str, data: JSON) -> JSON:
    return {"__typename": typename, **data} if isinstance(data, dict) else data
