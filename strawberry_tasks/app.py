"""`Tasks`: the one place where all is put together."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from .backends import open_backend
from .backends.base import Backend
from .config import (
    MAX_PAYLOAD,
    Config,
    TaskOptions,
    TaskSettings,
    check_graphql_name,
    check_name,
    check_port,
    options,
)
from .control import Control
from .declaration import Declaration
from .decorator import MutationDecorator, TaskDecorator
from .errors import ConfigurationError, TaskDeclarationError, TaskNotFoundError
from .handle import Handle
from .hub import Hub
from .keeper import Keeper
from .lifecycle import Settle, Work, fail, perform
from .outcome import Verdict
from .policy import OwnerPolicy, Policy
from .progress import ProgressFlusher
from .runtime import Runtime
from .schema.mutations import FieldOptions, MutationTask
from .schema.registry import Registry, TasksExtension
from .snapshot import JSON, Failure
from .stores import open_store
from .stores.base import LEASE, Store
from .task import Environment, Task
from .uploads import DirectoryUploads, Uploads

if TYPE_CHECKING:
    from dramatiq import Broker
    from strawberry.extensions import FieldExtension
    from strawberry.permission import BasePermission

T = TypeVar("T", bound=Task[..., Any])


class Tasks:
    """Declares tasks, and puts together what runs and watches them. Making one connects to nothing.

    Args:
        url: Where the state lives, and Dramatiq's messages unless ``broker`` says otherwise: ``redis://host:6379/0``, or
            ``memory://`` for all of it inside one process.
        backend: What runs the tasks: ``"dramatiq"`` worker processes, ``"thread"`` in this process, ``"sync"`` inline. By
            default ``"dramatiq"``, with ``memory://`` ``"thread"``.
        broker: A Dramatiq broker, or the Redis URL of one, for the messages.
        namespace: The prefix of every key and channel.
        queues: Further queues that ``using(queue=…)`` may name; others than these and the tasks' own are refused.
        max_payload: How many bytes the encoded arguments of a run have at the most; uploaded files are not among them.
        lease: How long after a worker's last sign of life its runs count as lost; it gives one each third of that.
        async_concurrency: How many runs of async tasks one worker process has in flight at a time, over the Redis transport;
            they hold no thread each. Elsewhere each holds one.
        result_ttl: How long a finished run's record is kept.
        progress_interval: Progress calls that are closer together than this are merged.
        policy: Who may see what; by default the owner and staff.
        uploads: Where uploaded files are kept until their run has ended; by default a directory on this machine.
        fields: Other names for the fields that the extension brings beside those of the tasks, e.g. ``{"task": "run"}``; ``None``
            as the name leaves one out.
        scalar_map: Custom scalars, as in `StrawberryConfig`; workers need them too.
        **defaults: What holds for tasks that say nothing else: `TaskSettings`.

    Raises:
        ConfigurationError: If a setting cannot work; names it.
    """

    def __init__(
        self,
        url: str,
        *,
        backend: str | None = None,
        broker: Broker | str | None = None,
        namespace: str = "strawberry_tasks",
        queues: Sequence[str] = (),
        max_payload: int = MAX_PAYLOAD,
        lease: timedelta = LEASE,
        async_concurrency: int = 1000,
        result_ttl: timedelta = timedelta(days=1),
        progress_interval: timedelta = timedelta(milliseconds=100),
        policy: Policy | None = None,
        uploads: Uploads | None = None,
        fields: Mapping[str, str | None] | None = None,
        scalar_map: Mapping[object, Any] | None = None,
        **defaults: Unpack[TaskSettings],
    ) -> None:
        self.config = Config(
            url=url,
            namespace=namespace,
            lease=lease,
            async_concurrency=async_concurrency,
            result_ttl=result_ttl,
            progress_interval=progress_interval,
            fields={} if fields is None else fields,
            queues=queues,
            max_payload=max_payload,
            defaults=options(TaskOptions(), **defaults),
        )
        self.policy: Policy = OwnerPolicy() if policy is None else check_port("policy", policy, Policy)
        self.uploads: Uploads = DirectoryUploads() if uploads is None else check_port("uploads", uploads, Uploads)
        if scalar_map is not None and not isinstance(scalar_map, Mapping):
            raise ConfigurationError(f"scalar_map: expected a dict of types and their scalars, got {scalar_map!r}.")
        self._scalar_map = dict(scalar_map or {})
        self._tasks: dict[str, Task[..., Any]] = {}
        self._backend = open_backend(
            backend,
            url,
            broker,
            namespace=namespace,
            lease=lease,
            perform=self.perform,
            fail=self.fail,
            attempts=lambda: self.runtime().async_attempts,
        )
        self._lock = threading.Lock()
        self._runtime: Runtime | None = None
        self._runtime_pid = 0
        self._replacement: Runtime | None = None

    @property
    def broker(self) -> Broker:
        """Dramatiq's broker, for its command line and its own API.

        Raises:
            ConfigurationError: If the tasks run without one.
        """
        if (broker := getattr(self._backend, "broker", None)) is None:
            raise ConfigurationError('backend: expected "dramatiq" for a broker; the tasks run without one.')
        return broker  # type: ignore[no-any-return]

    @cached_property
    def extension(self) -> type[TasksExtension]:
        """The schema extension; pass it as one of the ``extensions`` of `Schema`."""
        registry = Registry(tasks=self._tasks, fields=self.config.fields, runtime=self.runtime, policy=self.policy)
        return type("TasksExtension", (TasksExtension,), {"registry": registry})

    def task(
        self,
        bare: None = None,
        /,
        *,
        name: str | None = None,
        **settings: Unpack[TaskSettings],
    ) -> TaskDecorator:
        """Declare a task that Python code starts; clients can only watch it.

        Args:
            bare: Nothing; refuses a decorator without parentheses.
            name: The task's name; by default the function's in camelCase.
            **settings: Queue, retries and limits: `TaskSettings`.

        Raises:
            ConfigurationError: If an option cannot work.
            TaskDeclarationError: If a parameter or the result cannot cross between processes; names it.
        """
        _check_parentheses(bare)
        own = options(self.config.defaults, **settings)

        def declare(function: Callable[..., Any]) -> Task[..., Any]:
            return self._add(Task(self._declaration(function, name), own, self._environment))

        return TaskDecorator(declare)

    def mutation(
        self,
        bare: None = None,
        /,
        *,
        name: str | None = None,
        description: str | None = None,
        deprecation_reason: str | None = None,
        permission_classes: Sequence[type[BasePermission]] = (),
        extensions: Sequence[FieldExtension] = (),
        directives: Sequence[object] = (),
        **settings: Unpack[TaskSettings],
    ) -> MutationDecorator:
        """Declare a task that clients start with a mutation.

        Args:
            bare: Nothing; refuses a decorator without parentheses.
            name: The task's name and the field's; by default the function's in camelCase.
            description: The field's; by default the function's docstring.
            deprecation_reason: As in `strawberry.mutation`.
            permission_classes: As in `strawberry.mutation`; checked before anything is enqueued.
            extensions: As in `strawberry.mutation`; they run before anything is enqueued.
            directives: As in `strawberry.mutation`.
            **settings: Queue, retries and limits: `TaskSettings`.

        Raises:
            ConfigurationError: If an option cannot work.
            TaskDeclarationError: If a parameter or the result cannot cross between processes; names it.
        """
        _check_parentheses(bare)
        if name is not None:
            check_graphql_name("name", name)
        own = options(self.config.defaults, **settings)
        field_options = FieldOptions(
            name=name,
            description=description,
            deprecation_reason=deprecation_reason,
            permission_classes=permission_classes,
            extensions=extensions,
            directives=directives,
        )

        def declare(function: Callable[..., Any]) -> MutationTask[..., Any]:
            return self._add(MutationTask(self._declaration(function, name), own, self._environment, field_options))

        return MutationDecorator(declare)

    def handle(self, run_id: str) -> Handle[Any]:
        """Return the handle of a run that was started somewhere.

        Raises:
            TaskNotFoundError: If there is no such run, or it has expired.
            StoreUnavailableError: If the store does not answer.
        """
        (run,) = self.runtime().store.read([run_id])
        if run is None:
            raise TaskNotFoundError(run_id)
        task = self._tasks.get(run.name)
        return Handle(run, _same if task is None else task.load_result, self.runtime)

    def find(self, name: str) -> Task[..., Any]:
        """Return a declared task.

        Raises:
            KeyError: If there is none of that name.
        """
        return self._tasks[name]

    def runtime(self) -> Runtime:
        """Return what this process uses to enqueue, perform and watch runs; made at first use, anew after a fork."""
        if self._replacement is not None:
            return self._replacement
        with self._lock:
            if self._runtime is None or self._runtime_pid != os.getpid():
                self._runtime, self._runtime_pid = self._open_runtime(), os.getpid()
            return self._runtime

    def runtime_over(self, store: Store, backend: Backend) -> Runtime:
        """Make a runtime of these parts, with the limits of these tasks."""
        flusher = ProgressFlusher(store.apply, interval=self.config.progress_interval)
        control = Control(store, self._tasks.get, hurry=backend.hurry)
        hub = Hub(store.feed, sweep=control.sweep)
        keeper = Keeper(store, hub, lease=self.config.lease)
        return Runtime(
            store=store,
            backend=backend,
            hub=hub,
            flusher=flusher,
            keeper=keeper,
            control=control,
            async_concurrency=self.config.async_concurrency,
        )

    def perform(self, work: Work, run_id: str, settle: Settle | None = None) -> Verdict:
        """Perform one attempt of a run with this process's runtime; backends call it."""
        return perform(work, run_id, self.runtime(), settle)

    def fail(self, run_id: str, failure: Failure) -> None:
        """End a run of which no attempt will follow; backends call it."""
        fail(run_id, failure, store=self.runtime().store, find=self._tasks.get)

    @contextmanager
    def replaced(self, runtime: Runtime) -> Iterator[None]:
        """Use another runtime for a while; `strawberry_tasks.testing` does."""
        before, self._replacement = self._replacement, runtime
        try:
            yield
        finally:
            self._replacement = before

    def close(self) -> None:
        """Stop what runs inside this process, and give back connections. It can be used again."""
        with self._lock:
            runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.close()

    @cached_property
    def _environment(self) -> Environment:
        return Environment(
            runtime=self.runtime,
            policy=self.policy,
            uploads=self.uploads,
            queues=self._queues,
            max_payload=self.config.max_payload,
        )

    def _queues(self) -> Set[str]:
        config = self.config
        return {config.defaults.queue, *config.queues, *(task.options.queue for task in self._tasks.values())}

    def _declaration(self, function: Callable[..., Any], name: str | None) -> Declaration:
        if not inspect.isroutine(function):
            raise TaskDeclarationError(f"expected a function to make a task of, got {function!r}.")
        if name is None:
            name = _camel_case(function.__name__)
        check_name("name", name)
        if name in self._tasks:
            raise TaskDeclarationError(
                f"task {name!r}: expected a name of its own, but {self._tasks[name].function.__qualname__} has it already."
            )
        return Declaration(function, name=name, scalar_map=self._scalar_map)

    def _add(self, task: T) -> T:
        self._backend.register(task)
        self._tasks[task.name] = task
        return task

    def _open_runtime(self) -> Runtime:
        config = self.config
        store = open_store(config.url, namespace=config.namespace, result_ttl=config.result_ttl, lease=config.lease)
        return self.runtime_over(store, self._backend)


def _check_parentheses(bare: object) -> None:
    if bare is not None:
        raise TaskDeclarationError(
            f"expected a decorator with parentheses, got it without. Write @tasks.mutation() or @tasks.task() above {bare!r}."
        )


def _same(data: JSON) -> JSON:
    return data


def _camel_case(name: str) -> str:
    first, *rest = name.strip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
