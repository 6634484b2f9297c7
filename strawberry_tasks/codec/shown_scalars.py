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
_MOMENTS: tuple[Any, ...] = (datetime, date, time)


def _moment(type_: Any, strict: Shape) -> Load:
    def load(data: JSON, files: Files | None) -> object:
        for kind in (type_, *_MOMENTS):
            moment = _try(kind.fromisoformat, data)
            # Python reads "2026-01-02" as a time, too.
            if moment is not None and moment.isoformat() == data:
                return moment
        return strict.load(data, files)

    return load


def _try(function: Callable[[Any], Any], value: object) -> Any:
    try:
        return function(value)
    except Exception:  # noqa: BLE001 - the methods that it calls are the value's own
        return None


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

    def publish(data: JSON, view: SchemaView) -> JSON:
        if is_leaf and isinstance(data, dict | list):
            raise MismatchError(shape.name, data)
        shown = view.scalar(type_, own)
        if shown is None or (_same(own, shown) and not _is_unchanged(data)):
            return data
        return custom_scalar(shown).dump(shape.load(data, None), None)

    shape.publish = publish
    shape.hidden = lambda view: restricts(getattr(view.scalar(type_, own), "directives", ()))


def _same(own: ScalarDefinition | GraphQLScalarType | None, shown: ScalarDefinition | GraphQLScalarType) -> bool:
    return shown is own or shown.serialize == (str if own is None else own.serialize)


def publish_enum(shape: Shape, definition: StrawberryEnumDefinition) -> None:
    """Let the shape of an enum show its members under a schema's names."""

    def publish(data: JSON, view: SchemaView) -> JSON:
        if not isinstance(data, str):
            raise MismatchError(shape.name, data)
        return view.once(shape, lambda: view.enum_values(definition)).get(data)

    shape.publish = publish
    shape.hidden = lambda _view: restricts(definition.directives)
