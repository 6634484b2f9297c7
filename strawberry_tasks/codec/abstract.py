"""Unions and interfaces: the value's own type travels as ``__typename``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._compat import StrawberryObjectDefinition, StrawberryUnion, value_class
from ..snapshot import JSON
from .rows import Found, Path, Replace
from .schema_view import SchemaView
from .shape import Files, MismatchError, Shape

__all__ = ["interface_shape", "union_shape"]


def union_shape(name: str, union: StrawberryUnion, arms: Mapping[str, Shape]) -> Shape:
    """Make the shape of a union.

    Args:
        name: How errors call it.
        union: What Strawberry knows of it.
        arms: The possible types by their GraphQL names.
    """

    def dump(value: object, files: Files | None) -> JSON:
        refusal = MismatchError(name, value)
        found: list[tuple[Shape, JSON]] = []
        for typename, arm in _candidates(arms, value):
            try:
                found.append((arm, _with_typename(typename, arm.dump(value, files))))
            except MismatchError as mismatch:
                refusal = mismatch
        if not found:
            raise refusal
        return found[0][1] if len(found) == 1 else _closest(found, value, files)

    def by_typename(data: JSON) -> Shape:
        arm = arms.get(_typename(data))
        if arm is None:
            raise MismatchError(name, data)
        return arm

    return _dispatching(name, union, dump, by_typename)


def _candidates(arms: Mapping[str, Shape], value: object) -> list[tuple[str, Shape]]:
    """Return the arms that a value may be of: those of its own class, or else those that say so."""
    own = [(name, arm) for name, arm in arms.items() if arm.definition and value_class(arm.definition) is type(value)]
    return own or [(name, arm) for name, arm in arms.items() if arm.accepts is not None and arm.accepts(value)]


def _closest(found: list[tuple[Shape, JSON]], value: object, files: Files | None) -> JSON:
    """Return the JSON that comes back as the value.

    Several arms may be of one generic class. The value tells which only by what is in it, and a ``Page[str]`` would take a
    page of numbers, too.
    """
    return next((data for arm, data in found if _comes_back(arm, data, value, files)), found[0][1])


def _comes_back(arm: Shape, data: JSON, value: object, files: Files | None) -> bool:
    try:
        return arm.load(data, files) == value
    except MismatchError:
        return False  # It has rows, which are not read here.


def interface_shape(
    interface: StrawberryObjectDefinition,
    of_value: Callable[[object], tuple[str, Shape] | None],
    of_name: Callable[[str], Shape | None],
) -> Shape:
    """Make the shape of an interface.

    Args:
        interface: What Strawberry knows of it.
        of_value: Finds the GraphQL name and the shape of the type that a value is of.
        of_name: Finds the shape of the type with a GraphQL name.
    """
    name = interface.name

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

    return _dispatching(name, interface, dump, by_typename)


def _dispatching(
    name: str,
    abstract: StrawberryUnion | StrawberryObjectDefinition,
    dump: Callable[[object, Files | None], JSON],
    by_typename: Callable[[JSON], Shape],
) -> Shape:
    def publish(data: JSON, view: SchemaView) -> JSON:
        shape = by_typename(data)
        if shape.definition is None or shape.hidden(view):
            return None
        typename = view.member_name(abstract, shape.definition)
        return _with_typename(typename, shape.publish(data, view)) if typename else None

    def load(data: Any, files: Files | None) -> object:
        return data.row if isinstance(data, Found) else by_typename(data).load(data, files)

    def rows(data: JSON, path: Path, replace: Replace) -> Any:
        try:
            shape = by_typename(data)
        except MismatchError:  # `load` tells where it stands.
            return data
        return _with_typename(_typename(data), shape.rows(data, path, replace))

    return Shape(name=name, dump=dump, load=load, rows=rows, publish=publish, hidden=lambda view: view.hides(abstract))


def _typename(data: JSON) -> str:
    typename = data.get("__typename") if isinstance(data, dict) else None
    return typename if isinstance(typename, str) else ""


def _with_typename(typename: str, data: JSON) -> JSON:
    return {"__typename": typename, **data} if isinstance(data, dict) else data
