"""A schema whose extensions bring fields: `strawberry.Schema` with the tasks' fields laid in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.base import BaseSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext

from ..errors import (
    ObjectGoneError,
    ObjectUnavailableError,
    QueueUnavailableError,
    StoreUnavailableError,
    TaskInputError,
    TaskNotFoundError,
    TaskNotRetryableError,
    TaskUnreadableError,
    UnauthenticatedError,
    UploadsUnavailableError,
)
from .mutations import MutationTask
from .names import build, renamed
from .outages import OutageLog
from .registry import Registry, registries_of, the_only
from .returned import show_handles
from .roots import BroughtField, Operation, lay_in, mutation_fields, query_fields, subscription_fields
from .types import UntypedTaskHandle

_REFUSALS = (
    ObjectGoneError,
    TaskInputError,
    TaskNotFoundError,
    TaskNotRetryableError,
    TaskUnreadableError,
    UnauthenticatedError,
)
_OUTAGES = (StoreUnavailableError, QueueUnavailableError, ObjectUnavailableError, UploadsUnavailableError)


class TasksSchema(BaseSchema):
    """Leaves out of the log what any client can provoke, or all of them meet: it would drown in tracebacks."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log the errors that an operator wants to know of."""
        unforeseen: list[GraphQLError] = []
        for error in errors:
            if isinstance(error.original_error, _OUTAGES):
                self._outages.note(error)
            elif not isinstance(error.original_error, _REFUSALS):
                unforeseen.append(error)
        if unforeseen:
            super().process_errors(unforeseen, execution_context)

    def _complete(self, roots: Mapping[str, type | None], registry: Registry | None) -> None:
        """Have the schema's `query`, `mutation` and `subscription` be the classes that it was given, and its fields take handles."""
        for name, root in roots.items():
            if root is not None:
                setattr(self, name, root)
        if registry is not None:
            show_handles(self, registry)

    @cached_property
    def _outages(self) -> OutageLog:
        return OutageLog()


class Schema(TasksSchema, strawberry.Schema):
    """`strawberry.Schema`, except that `Tasks.extension` brings the tasks' fields along.

    Args:
        query: Your query type; may be left out, since the extension brings fields for one.
        mutation: Your mutation type.
        subscription: Your subscription type.
        types: Further types to include.
        extensions: Your extensions, `Tasks.extension` among them.
        config: Strawberry's configuration.
        **options: Whatever else `strawberry.Schema` takes.

    Raises:
        ConfigurationError: If a brought field meets one of your own.
    """

    def __init__(
        self,
        query: type | None = None,
        mutation: type | None = None,
        subscription: type | None = None,
        *,
        types: Iterable[Any] = (),
        extensions: Iterable[Any] = (),
        config: StrawberryConfig | None = None,
        **options: Any,
    ) -> None:
        own = {"query": query, "mutation": mutation, "subscription": subscription}
        extensions = tuple(extensions)
        registry = only_registry(extensions)
        given = with_tasks(own, types, extensions, config, registry)
        build(partial(super().__init__, **options), given, lambda: self.schema_converter)
        self._complete(own, registry)


def with_tasks(
    roots: Mapping[str, type | None],
    types: Iterable[Any],
    extensions: Iterable[Any],
    config: StrawberryConfig | None,
    registry: Registry | None,
) -> dict[str, Any]:
    """Return a schema's arguments with what its extensions bring."""
    config = config or StrawberryConfig()
    laid_in: dict[str, Any] = {**roots}
    if registry is not None:
        config = renamed(config, registry.types)
        types = [*types, UntypedTaskHandle]
        for operation, brought in _brought(registry).items():
            key = operation.lower()
            laid_in[key] = lay_in(roots[key], operation, brought, config=config)
    return {**laid_in, "types": types, "extensions": extensions, "config": config}


def only_registry(extensions: Iterable[Any]) -> Registry | None:
    """Return the registry of the one `Tasks` among a schema's extensions, ``None`` if there is none."""
    registries = registries_of(extensions)
    return the_only(registries) if registries else None


def _brought(registry: Registry) -> dict[Operation, list[BroughtField]]:
    return {
        "Query": query_fields(registry.fields, schedules=registry.schedules.is_used),
        "Mutation": _mutation_fields(registry),
        "Subscription": subscription_fields(registry.fields),
    }


def _mutation_fields(registry: Registry) -> list[BroughtField]:
    # Functions of two modules may have one name, as long as their tasks have two.
    tasks = [
        BroughtField(
            attribute=task.field_options.name or task.function.__name__,
            field=task.mutation_field(),
            origin='@tasks.mutation(name="…")',
        )
        for task in registry.tasks.values()
        if isinstance(task, MutationTask)
    ]
    return [*tasks, *mutation_fields(registry.fields)]
