"""Objects that are not of a type's class, and are shown as that type all the same: rows of an ORM, models, dataclasses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._compat import StrawberryObjectDefinition, cast_target, get_object_definition, subclasses
from .models import shown_model

__all__ = ["implementation_of", "implementations", "may_stand_for", "says_it_is"]


def says_it_is(value: object, cls: type, definition: StrawberryObjectDefinition) -> bool:
    """Tell whether a value is shown as a type where it could be another: it was cast, or ``is_type_of`` says so."""
    if definition.is_input:
        return False
    target = cast_target(value)
    if target is not None:
        return target is cls
    return definition.is_type_of is not None and _accepts(definition.is_type_of, value)


def may_stand_for(value: object, cls: type, definition: StrawberryObjectDefinition) -> bool:
    """Tell whether GraphQL would read a value's attributes where it expects a type."""
    if definition.is_input or type(value).__module__ == "builtins":
        return False
    interfaces = tuple(interface.origin for interface in definition.interfaces)
    target = cast_target(value)
    if target is not None:
        return target in {cls, *interfaces} or not (definition.is_type_of or interfaces)
    if definition.is_type_of is not None:
        return _accepts(definition.is_type_of, value)
    return not interfaces or isinstance(value, interfaces)


def implementations(interface: StrawberryObjectDefinition) -> Iterator[StrawberryObjectDefinition]:
    """Yield the object types that implement an interface and are imported here."""
    for cls in subclasses(interface.origin):
        definition = get_object_definition(cls)
        if definition is not None and definition.origin is cls and not definition.is_interface:
            yield definition


def implementation_of(interface: StrawberryObjectDefinition, value: object) -> StrawberryObjectDefinition | None:
    """Return the implementation as which a value is shown where an interface stands."""
    own = get_object_definition(type(value))
    if own is not None and issubclass(own.origin, interface.origin):
        return None if own.is_interface else own
    found = list(implementations(interface))
    name = _resolved_name(interface, value)
    return next(
        (
            each
            for each in found
            if name == each.name or shown_model(each.origin) is type(value) or says_it_is(value, each.origin, each)
        ),
        None,
    )


def _resolved_name(interface: StrawberryObjectDefinition, value: object) -> object:
    """Return what the interface's own ``resolve_type`` says of a value."""
    if interface.resolve_type is None:
        return None
    resolve_type: Any = interface.resolve_type
    try:
        return resolve_type(value, None, None)
    except Exception:  # noqa: BLE001 - it is the user's
        return None


def _accepts(is_type_of: Any, value: object) -> bool:
    try:
        return bool(is_type_of(value, None))  # Nobody has asked for it yet, so there is no info.
    except Exception:  # noqa: BLE001 - it is the user's
        return False
