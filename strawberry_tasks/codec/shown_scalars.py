"""Scalars in results: whatever GraphQL shows may be returned, and a schema shows it as its own scalars do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeGuard
from uuid import UUID

from graphql import GraphQLScalarType
from strawberry.types.scalar import ScalarDefinition

from .._compat import GlobalID, StrawberryEnumDefinition
from ..snapshot import JSON
from .plain import restricts
from .scalars import custom_scalar
from .schema_view import SchemaView
from .shape import Files, Load, MismatchError, Shape
from .untyped import strict_json

__all__ = ["any_shown", "carried", "publish_enum", "publish_scalar"]


def any_shown(type_: object, strict: Shape, serialize: Callable[[Any], Any] | None) -> Shape:
    """Make the shape of a built-in scalar in results: it takes what GraphQL would show.

    Values become what the scalar's text means in the declared type; text that means nothing there, but is shown all the
    same, comes back as what is shown likewise.

    Args:
        type_: The declared type.
        strict: The shape of values of that type alone.
        serialize: How GraphQL shows the type.
    """
    json = strict_json()
    read = _moment(type_, strict) if type_ in _MOMENTS else _text(strict) if type_ in _TEXTS else strict.load

    def dump(value: object, files: Files | None) -> JSON:
        try:
            return strict.dump(value, files)
        except MismatchError:
            shown = None if value is None or serialize is None else _try(serialize, value)
            if shown is None:
                raise
        data = json.dump(shown, files)
        meant = read(data, files)
        try:
            return strict.dump(meant, files)
        except MismatchError:
            return data

    return Shape(name=strict.name, dump=dump, load=read)


def _try(function: Callable[[Any], Any], value: object) -> Any:
    try:
        return function(value)
    except Exception:  # noqa: BLE001 - the methods that it calls are the value's own
        return None


# GraphQL shows whatever has a text.
_TEXTS = {Decimal, UUID, GlobalID}


def _text(strict: Shape) -> Load:
    def load(data: JSON, files: Files | None) -> object:
        try:
            return strict.load(data, files)
        except MismatchError:
            if isinstance(data, str):
                return data
            raise

    return load


# GraphQL shows each of them for each.
_MOMENTS = {datetime, date, time}


def _moment(type_: object, strict: Shape) -> Load:
    def load(data: JSON, files: Files | None) -> object:
        # By the text, since Python reads "2026-01-02" as any of them.
        kind = date if not isinstance(data, str) else datetime if "T" in data else time if ":" in data else date
        moment = None if kind is type_ else _try(kind.fromisoformat, data)
        return strict.load(data, files) if moment is None else moment

    return load


def carried(definition: ScalarDefinition | GraphQLScalarType) -> Shape:
    """Make the shape of a custom scalar in results.

    Where its ``parse_value`` does not undo its ``serialize``, the value itself travels if it is JSON, so that GraphQL serializes
    it once and not twice.
    """
    plain, json = custom_scalar(definition), strict_json()

    def dump(value: object, files: Files | None) -> JSON:
        data = plain.dump(value, files)
        if _try(lambda text: plain.dump(plain.load(text, files), files) == text, data):
            return data
        try:
            return {_UNCHANGED: json.dump(value, files)}
        except MismatchError:
            return data

    def load(data: JSON, files: Files | None) -> object:
        if _is_unchanged(data):
            return json.load(data[_UNCHANGED], files)
        try:
            return plain.load(data, files)
        except MismatchError:
            return json.load(data, files)  # It is only ever shown.

    return Shape(name=plain.name, dump=dump, load=load)


_UNCHANGED = "__unchanged"


def _is_unchanged(data: JSON) -> TypeGuard[dict[str, JSON]]:
    return isinstance(data, dict) and data.keys() == {_UNCHANGED}


def publish_scalar(
    shape: Shape, type_: object, own: ScalarDefinition | GraphQLScalarType | None, *, is_leaf: bool
) -> None:
    """Let the shape of a scalar show its values as a schema does.

    Args:
        shape: The shape.
        type_: The type.
        own: The scalar by which values travel; None for one whose text is shown as it is.
        is_leaf: Whether its JSON is never an object or a list, so that one is of another type.
    """

    def publisher(view: SchemaView) -> Callable[[JSON], JSON]:
        shown = view.scalar(type_, own)
        if shown is not None and shown.serialize != (str if own is None else own.serialize):
            return lambda data: custom_scalar(shown).dump(shape.load(data, None), None)
        return leaf if is_leaf else unchanged

    def leaf(data: JSON) -> JSON:
        if isinstance(data, dict | list):
            raise MismatchError(shape.name, data)
        return data

    def unchanged(data: JSON) -> JSON:
        return custom_scalar(own).dump(shape.load(data, None), None) if own and _is_unchanged(data) else data

    shape.publish = lambda data, view: view.once(shape, lambda: publisher(view))(data)
    shape.hidden = lambda view: restricts(getattr(view.scalar(type_, own), "directives", ()))


def publish_enum(shape: Shape, definition: StrawberryEnumDefinition) -> None:
    """Let the shape of an enum show its members under a schema's names."""

    def publish(data: JSON, view: SchemaView) -> JSON:
        if not isinstance(data, str):
            raise MismatchError(shape.name, data)
        return view.once(shape, lambda: view.enum_values(definition)).get(data)

    shape.publish = publish
    shape.hidden = lambda _view: restricts(definition.directives)
