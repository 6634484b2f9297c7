"""Lays the fields that an extension brings into the user's root types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeAlias

import strawberry
from graphql import get_named_type, is_abstract_type
from strawberry.schema.config import StrawberryConfig

from .._compat import StrawberryObjectDefinition, get_object_definition
from ..errors import ConfigurationError
from .control import MUTATION_FIELDS
from .fields import QUERY_FIELDS, SUBSCRIPTION_FIELDS, TaskQuery, TaskSubscription
from .mutations import resolver_of, started_task
from .schedules import SCHEDULE_FIELDS

Operation: TypeAlias = Literal["Query", "Mutation", "Subscription"]


class BroughtField(NamedTuple):
    """A field that comes into a root type."""

    attribute: str
    """Its name in Python."""

    field: Any
    """The Strawberry field."""

    origin: str
    """How a user names it to rename it or leave it out, e.g. in ``Tasks(fields=…)``."""


def query_fields(names: Mapping[str, str | None], *, schedules: bool) -> list[BroughtField]:
    """Return the fields for the query type, renamed or left out as the user says.

    Args:
        names: Other names, or ``None`` for those that are left out.
        schedules: Whether there is anything for `schedules` to show.
    """
    brought = {**QUERY_FIELDS, **SCHEDULE_FIELDS} if schedules else QUERY_FIELDS
    return _named(brought, names, strawberry.field)


def mutation_fields(names: Mapping[str, str | None]) -> list[BroughtField]:
    """Return the fields for the mutation type that are no task's, renamed or left out as the user says."""
    return _named(MUTATION_FIELDS, names, strawberry.mutation)


def subscription_fields(names: Mapping[str, str | None]) -> list[BroughtField]:
    """Return the fields for the subscription type, renamed or left out as the user says."""
    return _named(SUBSCRIPTION_FIELDS, names, strawberry.subscription)


class RootType:
    """Stands in for one of the user's root types, with more fields than that has.

    A subclass would be another type of the same name, and no union that has the user's own would know it.
    """

    def __init__(self, root: type, definition: StrawberryObjectDefinition, fields: Iterable[Any]) -> None:
        self.root = root
        # Unions go by the definition's identity first. Strawberry itself asks those that implement an interface.
        is_type_of = None if definition.interfaces else _instances_of(root)
        self.__strawberry_definition__ = replace(
            definition, fields=[*definition.fields, *fields], is_type_of=definition.is_type_of or is_type_of
        )


def lay_in(
    root: type | None, operation: Operation, brought: Iterable[BroughtField], *, config: StrawberryConfig
) -> type | RootType | None:
    """Return a root type with the user's fields and the brought ones; ``None`` if there are none.

    Args:
        root: The user's own root type; it stays as it is.
        operation: Which root type.
        brought: What comes in; a field that the user has placed already is left where it is.
        config: The schema's, for its names.

    Raises:
        ConfigurationError: If a brought field meets another one of the user's.
    """
    definition = None if root is None else get_object_definition(root)
    if root is not None and (
        definition is None or definition.origin is not root or issubclass(root, TaskQuery | TaskSubscription)
    ):
        return root  # Not a Strawberry type, which its own check tells best; or a root that has the fields already.
    fields = _missing(operation, [] if definition is None else definition.fields, brought, config)
    if not fields:
        return root
    carrier: type = strawberry.type(type(operation, (), fields))
    if root is None or definition is None:
        return carrier
    return RootType(root, definition, get_object_definition(carrier, strict=True).fields)


def as_class(root: type | RootType | None) -> type | None:
    """Return a root type as what can be subclassed, as federation does with the query type."""
    if not isinstance(root, RootType):
        return root
    definition = root.__strawberry_definition__
    kind = type(root.root.__name__, (root.root,), {"__module__": root.root.__module__})
    kind.__strawberry_definition__ = replace(definition, origin=kind)  # type: ignore[attr-defined]
    return kind


def _instances_of(root: type) -> Callable[[object, Any], bool]:
    def is_type_of(value: object, info: Any) -> bool:
        # A field of the root's own type may return whatever its fields can be read from.
        return isinstance(value, root) or not is_abstract_type(get_named_type(info.return_type))

    return is_type_of


def _missing(
    operation: Operation, own_fields: Sequence[Any], brought: Iterable[BroughtField], config: StrawberryConfig
) -> dict[str, Any]:
    """Return the brought fields that are not there yet, by their names in Python."""
    taken = {own.python_name for own in own_fields} | {config.name_converter.from_field(own) for own in own_fields}
    placed = [task for own in own_fields if (task := started_task(own)) is not None]
    resolvers = {resolver_of(own) for own in own_fields} - {None}
    fields: dict[str, Any] = {}
    for new in brought:
        if started_task(new.field) in placed or resolver_of(new.field) in resolvers:
            continue
        name = new.field.graphql_name or config.name_converter.apply_naming_config(new.attribute)
        if taken & {name, new.attribute}:
            raise ConfigurationError(_collision(operation, name, new.origin))
        taken |= {name, new.attribute}
        fields[new.attribute] = new.field
    return fields


def _named(
    resolvers: Mapping[str, Callable[..., Any]], names: Mapping[str, str | None], make: Callable[..., Any]
) -> list[BroughtField]:
    brought = []
    for origin, resolver in resolvers.items():
        name = names.get(origin, origin)
        if name is not None:
            attribute = resolver.__name__ if name == origin else name
            field = make(resolver=resolver, description=resolver.__doc__, name=None if name == origin else name)
            brought.append(BroughtField(attribute=attribute, field=field, origin=f'fields={{"{origin}": …}}'))
    return brought


def _collision(operation: Operation, name: str, origin: str) -> str:
    return (
        f"{operation}.{name}: expected a name that is free, but the {operation} type has another field by that name. "
        f"Give the task's field another name, or leave it out with None: {origin}."
    )
