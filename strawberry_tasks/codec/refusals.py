"""What to say about types that cannot cross."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Set
from datetime import timedelta
from enum import Enum
from typing import Any, Literal, TypeVar, get_origin, is_typeddict

from .._compat import LazyType, StrawberryAuto, StrawberryTypeVar, StrawberryUnion, Upload, get_object_definition
from ..errors import TaskDeclarationError
from .models import is_model

__all__ = ["describe", "refuse"]


def refuse(where: str, at: str, type_: object, *, output: bool, why: str = "") -> TaskDeclarationError:
    """Make the error that says what was expected, what came, and what to do.

    Args:
        where: The task and the parameter.
        at: The field inside the parameter's type, or the empty string.
        type_: The type that cannot cross.
        output: Whether it stands in a result.
        why: What to do, where the type alone does not tell.
    """
    expected = "a GraphQL output type" if output else "a GraphQL input type"
    place = f"{where}, {at}" if at else where
    return TaskDeclarationError(f"{place}: expected {expected}, got {describe(type_)}. {why or _advice(type_, output)}")


def describe(type_: object) -> str:
    """Return a type's name as its user would write it."""
    definition = get_object_definition(type_)
    if definition is not None:
        return definition.name
    if isinstance(type_, StrawberryTypeVar):
        return str(type_.type_var)
    if isinstance(type_, StrawberryUnion):
        return type_.graphql_name or " | ".join(describe(arm) for arm in type_.types)
    if isinstance(type_, LazyType):
        return type_.type_name
    if isinstance(type_, type) and get_origin(type_) is None:
        return type_.__name__
    return str(type_).replace("typing.", "")


def _advice(type_: object, output: bool) -> str:
    decorator = "@strawberry.type" if output else "@strawberry.input"
    definition = get_object_definition(type_)
    if definition is not None:
        return _advise_definition(is_interface=definition.is_interface, output=output)
    if isinstance(type_, TypeVar | StrawberryTypeVar):
        return "Say which type a generic type is of, e.g. Page[int]."
    if isinstance(type_, StrawberryUnion):
        return "GraphQL has no unions in its input; declare a @strawberry.input(one_of=True)."
    if is_model(type_):
        return "Return a @strawberry_django.type of the model." if output else "A model can only be a parameter itself."
    return _advise_class(type_, get_origin(type_) or type_, decorator)


def _advise_definition(*, is_interface: bool, output: bool) -> str:
    if output:
        return "It is an input type; return a @strawberry.type."
    kind = "an interface" if is_interface else "an object type"
    return f"It is {kind}, which GraphQL takes only as output; declare a @strawberry.input with the same fields."


def _advise_class(type_: object, origin: object, decorator: str) -> str:
    if origin is timedelta:
        return "Use an int or a float, and say its unit in the name."
    if type_ is Upload:
        return "Files cannot be returned; return where the file can be had."
    if origin in (bytes, bytearray, memoryview):
        return "Use strawberry.scalars.Base64, or an Upload for a file."
    if is_typeddict(type_):
        return f"Declare a class with {decorator} instead of a TypedDict."
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, dict)):
        return f"Declare a class with {decorator}, or use strawberry.scalars.JSON."
    if origin in (Any, object):
        return "Name the type, or use strawberry.scalars.JSON."
    if isinstance(type_, StrawberryAuto) or get_object_definition(type_):
        return "Name the type."
    return _advise_other(type_, origin, decorator)


def _advise_other(type_: object, origin: object, decorator: str) -> str:
    if origin is Literal:
        return "Declare an enum."
    if origin in (list, tuple):
        return "Say what it is a list of, e.g. list[int]."
    if isinstance(origin, type) and issubclass(origin, Set):
        return "Use a list."
    if origin is Callable or inspect.isroutine(type_):
        return "Functions cannot travel; name one by a string or an enum."
    if isinstance(origin, type) and not issubclass(origin, Enum):
        hint = "" if dataclasses.is_dataclass(origin) else ", or map it to a scalar in the schema's scalar_map"
        return f"Decorate it with {decorator}{hint}."
    return "Strawberry does not know it."
