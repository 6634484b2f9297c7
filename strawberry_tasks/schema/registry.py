"""The tasks behind a schema, and how their runs become handles for a viewer."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

import strawberry
from strawberry.extensions import SchemaExtension
from strawberry.schema.base import BaseSchema
from strawberry.types.execution import ExecutionContext

from .. import _compat
from ..codec import WITHOUT_SCHEMA, SchemaView
from ..contexts import keep_bound
from ..errors import ConfigurationError, TaskUnreadableError, ValueEncodingError
from ..policy import Policy, Viewer
from ..results import Result
from ..runtime import Runtime
from ..scheduler import Schedules
from ..snapshot import JSON, Snapshot
from ..status import TaskStatus
from ..task import Task
from .outages import for_clients
from .places import Places
from .rows import reader_of
from .types import Origin, TaskHandle, UntypedTaskHandle, handle_values
from .unsent import Hand, Unsent

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


AT_ONCE: Final = 64 * 1024
"""Characters of JSON up to which a result is made ready in the event loop, which takes it a few milliseconds."""


class Registry:
    """What the fields of a schema need to know of the tasks behind it.

    Attributes:
        tasks: Every declared task by its name.
        fields: Other names for the fields that are no task's; ``None`` leaves one out.
        types: Other names for the types that are no task's.
        runtime: This process's runtime; made at first use.
        policy: Who may see what.
        recheck: How long somebody may watch before the policy is asked again who that is.
        places: How many subscriptions each viewer has.
        unsent: By the id of its context, what each connection has in hand that has streams.
        schedules: What is started again and again.
        completed: The schemas whose fields take handles.
    """

    __slots__ = (
        "_kinds",
        "_views",
        "completed",
        "fields",
        "places",
        "policy",
        "recheck",
        "runtime",
        "schedules",
        "tasks",
        "types",
        "unsent",
    )

    def __init__(
        self,
        *,
        tasks: Mapping[str, Task[..., Any]],
        fields: Mapping[str, str | None],
        types: Mapping[str, str],
        runtime: Callable[[], Runtime],
        policy: Policy,
        recheck: timedelta,
        max_subscriptions: int,
        schedules: Schedules,
    ) -> None:
        self.tasks = tasks
        self.fields = fields
        self.types = types
        self.runtime = runtime
        self.policy = policy
        self.recheck = recheck
        self.places = Places(max_subscriptions)
        self.unsent: WeakValueDictionary[int, Unsent] = WeakValueDictionary()
        self.schedules = schedules
        self.completed: WeakSet[BaseSchema] = WeakSet()
        # Per schema, the type of each task's handles and its name there.
        self._kinds: WeakKeyDictionary[BaseSchema, dict[str, tuple[type[TaskHandle], str]]] = WeakKeyDictionary()
        self._views: WeakKeyDictionary[BaseSchema, SchemaView] = WeakKeyDictionary()

    def handle(self, run: Snapshot, viewer: Viewer, schema: BaseSchema, hand: Hand | None = None) -> TaskHandle:
        """Show a run to a viewer who may see it.

        Args:
            run: The run.
            viewer: The viewer.
            schema: Where.
            hand: What the event of a subscription has in hand, of which this is one.
        """
        task = self.tasks.get(run.name)
        kind, name = self._handle_kind(task, schema)
        origin = Origin(
            type_name=name,
            result=lambda: resolve(self.result(run, schema, hand)),
            output=lambda info: resolve(self._output(task, run, info, hand)),
        )
        return kind(origin=origin, **self.values(run, viewer))

    def values(self, run: Snapshot, viewer: Viewer) -> dict[str, Any]:
        """Return what a viewer sees of a run that is theirs to see: the fields of `TaskHandle` by their names in Python.

        What the run has returned is not among them; see `result`.
        """
        return handle_values(run, internals=self.policy.may_see_internals(viewer, run))

    async def result(self, run: Snapshot, schema: BaseSchema | None, hand: Hand | None = None) -> JSON:
        """Return what everybody may see of a run's result who may see the run, as JSON.

        Args:
            run: The run.
            schema: The schema as which they see it; None where there is none, as over plain HTTP.
            hand: What the event of a subscription has in hand; the result is added to it.
        """
        task = self.tasks.get(run.name)
        result = None if task is None else await self._read(run, hand)
        if result is None:
            return None
        key, show = (task, self._view(schema)), partial(self.shown_result, run.name, schema=schema)
        if result.size > AT_ONCE:
            return await off_loop(self.runtime(), result.view, key, show)
        return result.view(key, show)

    def shown_result(self, name: str, data: JSON, schema: BaseSchema | None) -> JSON:
        """Return what everybody may see of a task's stored result; see `result`."""
        task = self.tasks.get(name)
        # What nobody here can tell the guarded fields of is not shown at all.
        return None if task is None else task.declaration.result.publish(data, self._view(schema))

    def _view(self, schema: BaseSchema | None) -> SchemaView:
        if schema is None:
            return WITHOUT_SCHEMA
        view = self._views.get(schema)
        if view is None:
            view = self._views[schema] = SchemaView(schema)
        return view

    async def _output(
        self, task: Task[..., Any] | None, run: Snapshot, info: strawberry.Info[Any, Any], hand: Hand | None
    ) -> object:
        result = None if task is None else await self._read(run, hand)
        if task is None or result is None or result.value is None:
            return None
        codec = task.declaration.result
        try:
            if codec.touches_database or result.size > AT_ONCE:
                return await off_loop(self.runtime(), codec.load, result.value, read=reader_of(info))
            return codec.load(result.value)
        except ValueEncodingError as error:
            raise TaskUnreadableError(run.id, f"result: {error}", legible=run) from error

    async def _read(self, run: Snapshot, hand: Hand | None) -> Result | None:
        if run.status is not TaskStatus.COMPLETED:
            return None
        results = self.runtime().results
        result = results.at_hand(run) or await off_loop(self.runtime(), results.get, run)
        if result is not None and hand is not None:
            await hand.take(result.size)
        return result

    def _handle_kind(self, task: Task[..., Any] | None, schema: BaseSchema) -> tuple[type[TaskHandle], str]:
        kinds = self._kinds.setdefault(schema, {})
        key = "" if task is None else task.name
        if key not in kinds:
            own: Any = None if task is None else task.handle_type
            kinds[key] = (own and _known(own, schema)) or _named(UntypedTaskHandle, schema)
        return kinds[key]


_REGISTRIES: WeakKeyDictionary[BaseSchema, dict[Registry, None]] = WeakKeyDictionary()
"""The registries of each schema that has executed an operation, as its extensions have brought them."""


class TasksExtension(SchemaExtension):
    """Marks a schema as one with tasks; `Tasks.extension` is a subclass of it with its own registry."""

    registry: ClassVar[Registry]

    @property
    def execution_context(self) -> ExecutionContext:
        """What is executed; Strawberry sets it before anything is."""
        return self._execution_context

    @execution_context.setter
    def execution_context(self, execution_context: ExecutionContext) -> None:
        self._execution_context = execution_context
        _REGISTRIES.setdefault(execution_context.schema, {})[self.registry] = None
        keep_bound(execution_context.context)


def registry_of(info: strawberry.Info[Any, Any]) -> Registry:
    """Find the registry of the schema that executes an operation.

    Raises:
        ConfigurationError: If the schema has no tasks, or those of several `Tasks`.
    """
    registries = registries_at(info.schema)
    if not registries:
        raise ConfigurationError(
            "extensions: expected tasks.extension among the schema's extensions, found none. Write Schema(…, extensions=[tasks.extension])."
        )
    return the_only(registries)


def registries_at(schema: BaseSchema) -> list[Registry]:
    """Return the registries that a schema's extensions have brought."""
    return list(_REGISTRIES.get(schema, ()))


def the_only(registries: Sequence[Registry]) -> Registry:
    """Return the one registry of a schema.

    Raises:
        ConfigurationError: If there are several.
    """
    if len(registries) > 1:
        raise ConfigurationError(
            f"extensions: expected the extension of one Tasks, got those of {len(registries)}. Declare the tasks of a schema on one."
        )
    return registries[0]


def registries_of(extensions: Iterable[Any]) -> list[Registry]:
    """Return the registries that a schema's extensions will bring.

    Whoever makes extensions anew for each operation, as `lambda: tasks.extension()` does, is asked for one.
    """
    kinds = map(_kind, extensions)
    return list({kind.registry: None for kind in kinds if issubclass(kind, TasksExtension)})


def _kind(extension: Any) -> type:
    while isinstance(extension, partial):
        extension = extension.func
    if not inspect.isclass(extension) and not isinstance(extension, SchemaExtension):
        try:
            extension = extension()
        except Exception:
            logger.debug("What %r makes is not known before the first operation.", extension, exc_info=True)
            return object
    return extension if inspect.isclass(extension) else type(extension)


def _known(kind: type[TaskHandle], schema: BaseSchema) -> tuple[type[TaskHandle], str] | None:
    """Return a handle's type and its name, ``None`` if the schema does not have it."""
    _, name = named = _named(kind, schema)
    return named if schema.get_type_by_name(name) is _compat.get_object_definition(kind) else None


def _named(kind: type[TaskHandle], schema: BaseSchema) -> tuple[type[TaskHandle], str]:
    return kind, schema.config.name_converter.from_type(_compat.get_object_definition(kind, strict=True))


def resolve(resolution: Coroutine[Any, Any, R]) -> R | Awaitable[R]:
    """Give a resolver's coroutine to the event loop that executes the operation, or run it where there is none.

    One resolver thereby serves sync and async execution: it does I/O through `off_loop` alone, which never suspends where no
    loop runs.
    """
    if in_event_loop():
        return resolution
    try:
        resolution.send(None)
    except StopIteration as done:
        value: R = done.value
        return value
    raise RuntimeError("A resolver suspended outside an event loop.")  # pragma: no cover - a bug in a resolver


async def off_loop(runtime: Runtime, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that does I/O; in a thread where an event loop must not wait for it.

    Raises:
        StrawberryTasksError: One that clients may read, instead of what drivers and systems raise.
    """
    with for_clients():
        if in_event_loop():
            return await runtime.off_loop(function, *args, **kwargs)
        return function(*args, **kwargs)


def in_event_loop() -> bool:
    """Tell whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
