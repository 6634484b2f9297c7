"""Lays the fields that an extension brings into the user's root types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import get_object_definition

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


def lay_in(
    root: type | None,
    operation: Operation,
    brought: Iterable[BroughtField],
    *,
    config: StrawberryConfig,
    decorate: Callable[..., Any] = strawberry.type,
) -> type | None:
    """Return a root type with the user's fields and the brought ones; ``None`` if there are none.

    Args:
        root: The user's own root type.
        operation: Which root type.
        brought: What comes in; a field that the user has placed already is left where it is.
        config: The schema's, for its names.
        decorate: `strawberry.type`, or the federation's.

    Raises:
        ConfigurationError: If a brought field meets another one of the user's.
    """
    definition = None if root is None else get_object_definition(root)
    if root is not None and (definition is None or issubclass(root, TaskQuery | TaskSubscription)):
        return root  # Not a Strawberry type, which its own check tells best; or a root that has the fields already.
    own_fields = [] if definition is None else definition.fields
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
    if not fields:
        return root
    if root is None or definition is None:
        return decorate(type(operation, (), fields))  # type: ignore[no-any-return]
    return decorate(  # type: ignore[no-any-return]
        type(root.__name__, (root,), {"__module__": root.__module__, **fields}),
        name=definition.name,
        description=definition.description,
        directives=definition.directives or (),
        extend=definition.extend,
    )


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
