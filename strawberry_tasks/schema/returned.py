"""Handles that resolvers of the user's own return, shown as clients see them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from functools import wraps
from inspect import isawaitable
from typing import Any, NamedTuple

from graphql import (
    GraphQLField,
    GraphQLNamedType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    OperationType,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_object_type,
    is_union_type,
)
from strawberry.schema.base import BaseSchema

from ..errors import ConfigurationError, StoreUnavailableError, TaskNotFoundError
from ..handle import Handle
from ..snapshot import Snapshot
from ..starter import operation
from ..task import Task
from .control import MUTATION_FIELDS
from .fields import QUERY_FIELDS, SUBSCRIPTION_FIELDS
from .mutations import resolver_of, started_task
from .registry import Registry, off_loop, resolve
from .schedules import TaskSchedule
from .types import TaskHandle, TaskHandleConnection, TaskHandleEdge
from .visit import begin

_OURS = {*MUTATION_FIELDS.values(), *QUERY_FIELDS.values(), *SUBSCRIPTION_FIELDS.values()}
_OUR_TYPES = (TaskHandleConnection, TaskHandleEdge, TaskSchedule)
_STRAWBERRY = "strawberry-definition"

Resolver = Callable[..., Any]


def show_handles(schema: Any, registry: Registry) -> None:
    """Have a schema's fields take handles, and states of runs, wherever they are of `TaskHandle` or of a task's handle type.

    Args:
        schema: The schema, as it will be executed.
        registry: Whose handles.
    """
    if schema in registry.completed:
        return
    for type_ in schema._schema.type_map.values():
        if is_object_type(type_) and _origin(type_) not in _OUR_TYPES:
            for field in type_.fields.values():
                _prepare(field, schema, registry)
    registry.completed.add(schema)


def _prepare(field: GraphQLField, schema: BaseSchema, registry: Registry) -> None:
    own = field.extensions.get(_STRAWBERRY)
    started = started_task(own)
    if isinstance(started, Task) and not started.is_of(registry.runtime):
        raise ConfigurationError(
            f"{started!r}: expected a task of the Tasks whose extension the schema has, got one of another. "
            "Declare the tasks of a schema on one."
        )
    if started is not None or resolver_of(own) in _OURS:
        return
    if field.subscribe is not None:
        field.subscribe = _in_operation(field.subscribe)
    named = get_named_type(field.type)
    members: Iterable[GraphQLNamedType] = named.types if is_union_type(named) else (named,)
    kinds = tuple(kind for kind in map(_origin, members) if isinstance(kind, type) and issubclass(kind, TaskHandle))
    if kinds and field.resolve is not None:
        field.resolve = _showing(field.resolve, field.type, _Place(schema, registry, kinds))


def _origin(type_: GraphQLNamedType) -> type | None:
    definition = type_.extensions.get(_STRAWBERRY)
    return getattr(definition, "origin", None)


class _Place(NamedTuple):
    """Where handles may stand."""

    schema: Any
    registry: Registry
    kinds: tuple[type, ...]
    """The types that a handle may have there."""


def _showing(resolver: Resolver, type_: GraphQLOutputType, place: _Place) -> Resolver:
    @wraps(resolver)
    def show(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        return _shown(resolver(source, info, **arguments), type_, place, info)

    return show


def _shown(value: Any, type_: GraphQLOutputType, place: _Place, info: GraphQLResolveInfo[Any]) -> Any:
    if isinstance(value, Handle | Snapshot):
        return resolve(_show(value, place, info))
    if isawaitable(value):
        return _awaited(value, type_, place, info)
    nullable = get_nullable_type(type_)
    if is_list_type(nullable):
        if isinstance(value, AsyncIterable):
            return _each(value, nullable.of_type, place, info)
        if isinstance(value, Iterable):
            return [_shown(item, nullable.of_type, place, info) for item in value]
    return value


async def _awaited(
    value: Awaitable[Any], type_: GraphQLOutputType, place: _Place, info: GraphQLResolveInfo[Any]
) -> Any:
    shown = _shown(await value, type_, place, info)
    return await shown if isawaitable(shown) else shown


async def _each(
    values: AsyncIterable[Any], type_: GraphQLOutputType, place: _Place, info: GraphQLResolveInfo[Any]
) -> AsyncGenerator[Any, None]:
    async for value in values:
        shown = _shown(value, type_, place, info)
        yield await shown if isawaitable(shown) else shown


async def _show(started: Handle[Any] | Snapshot, place: _Place, info: GraphQLResolveInfo[Any]) -> TaskHandle:
    registry = place.registry
    run = started if isinstance(started, Snapshot) else await _present(started, registry, info)
    who = await begin(registry, info.context)
    if not registry.policy.may_see(who.viewer, run):
        raise TaskNotFoundError(run.id)
    shown = registry.handle(run, who.viewer, place.schema)
    if not isinstance(shown, place.kinds):
        wanted = " or ".join(kind.__name__ for kind in place.kinds)
        raise ConfigurationError(
            f"{info.field_name}: expected a handle of type {wanted}, got one of the task {run.name!r}."
        )
    return shown


async def _present(handle: Handle[Any], registry: Registry, info: GraphQLResolveInfo[Any]) -> Snapshot:
    if not handle.is_of(registry.runtime):
        raise ConfigurationError(
            f"{info.field_name}: expected a handle of the schema's own Tasks, got {handle!r} of others."
        )
    try:
        run = await off_loop(registry.runtime(), registry.runtime().find, handle.id)
    except StoreUnavailableError:
        if info.operation.operation is not OperationType.MUTATION:
            raise
        run = handle.started  # Most likely the mutation has started it, and the client has to learn its id.
    if run is None:
        raise TaskNotFoundError(handle.id)
    return run


def _in_operation(subscribe: Resolver) -> Resolver:
    """Let what a subscription enqueues be its viewer's."""

    @wraps(subscribe)
    def begun(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        stream = subscribe(source, info, **arguments)
        return _later(stream, info.context) if isawaitable(stream) else _stepped(stream, info.context)

    return begun


async def _later(stream: Awaitable[Any], context: object) -> Any:
    with operation(context):
        return _stepped(await stream, context)


async def _stepped(stream: Any, context: object) -> AsyncGenerator[Any, None]:
    # Between two events this runs in the context of whoever reads them.
    try:
        while True:
            with operation(context):
                try:
                    event = await anext(stream)
                except StopAsyncIteration:
                    return
            yield event
    finally:
        if (close := getattr(stream, "aclose", None)) is not None:
            await close()
