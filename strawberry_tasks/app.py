"""`Tasks`: the one place where all is put together."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from .backends import open_backend
from .backends.base import Backend, Carrier, CeleryApp
from .backends.presence import Presence
from .backends.upkeep import Upkeep
from .config import (
    MAX_PAYLOAD,
    MAX_RESULT,
    MAX_SUBSCRIPTIONS,
    Config,
    TaskOptions,
    TaskSettings,
    check_port,
    check_queue,
    options,
)
from .declaring import Declaring
from .dispatch import Dispatch, SendAtOnce
from .errors import ConfigurationError, TaskNotFoundError
from .handle import Handle
from .lifecycle import Settle, Work, fail, perform
from .log import Log
from .outcome import Verdict
from .policy import OwnerPolicy, Policy
from .routes import Routes
from .runtime import Ports, Runtime
from .schedule import Schedule
from .scheduler import Schedules
from .schema.operations import OperationExtension
from .schema.registry import Registry, TasksExtension
from .snapshot import JSON, Failure
from .starter import no_operation
from .stores import open_store
from .stores.base import LEASE, Store
from .stores.workers import WorkerInfo, open_roll
from .surroundings import PlainSurroundings, Surroundings, entered
from .task import Task
from .uploads import DirectoryUploads, Uploads

if TYPE_CHECKING:
    from dramatiq import Broker

T = TypeVar("T", bound=Task[..., Any])


class Tasks(Declaring):
    """Declares tasks, and puts together what runs and watches them. Making one connects to nothing.

    Args:
        url: Where the state lives, and Dramatiq's messages unless ``broker`` says otherwise: ``redis://host:6379/0``, or
            ``memory://`` for all of it inside one process.
        backend: What runs the tasks: ``"dramatiq"`` worker processes, ``"celery"`` workers, ``"thread"`` in this process,
            ``"sync"`` inline; in Django also ``"django.tasks"``. By default ``"dramatiq"``, with ``memory://`` ``"thread"``.
        broker: A Dramatiq broker, or the Redis URL of one, for the messages; with ``backend="celery"`` a ``celery.Celery`` app.
        namespace: The prefix of every key and channel.
        queues: Further queues that ``using(queue=…)`` may name; others than these and the tasks' own are refused.
        routes: The queues of tasks that name none, by pattern, e.g. ``{"reports.*": "low"}``: `Routes`.
        max_payload: How many bytes the encoded arguments of a run have at the most; uploaded files are not among them.
        max_result: How many bytes what a run returns has at the most, as JSON; one that returns more is FAILED with
            ``RESULT_TOO_LARGE``.
        lease: How long after a worker's last sign of life its runs count as lost; it gives one each third of that.
        async_concurrency: How many runs of async tasks one worker process has in flight at a time, over the Redis transport;
            they hold no thread each. Elsewhere each holds one.
        result_ttl: How long a finished run's record is kept.
        progress_interval: Progress calls that are closer together than this are merged.
        policy: Who may see what; by default the owner and staff.
        recheck: How long somebody may watch runs before the policy is asked again who that is; who may not any more is cut off.
        max_subscriptions: How many subscriptions one viewer has in a process at the most; those of somebody who is not signed in
            are counted by their connection.
        uploads: Where uploaded files are kept until their run has ended; by default a directory on this machine.
        fields: Other names for the fields that the extension brings beside those of the tasks, e.g. ``{"task": "run"}``; ``None``
            as the name leaves one out.
        types: Other names for the types that the extension brings beside those of the tasks, e.g. ``{"TaskStatus": "JobStatus"}``.
        scalar_map: Custom scalars, as in `StrawberryConfig`; workers need them too.
        log: Remembers runs for longer than the store; by default nothing does.
        dispatch: Decides when runs are sent; by default they are at once.
        surroundings: What a framework wants done around the code of attempts.
        **defaults: What holds for tasks that say nothing else: `TaskSettings`.

    Attributes:
        schedules: What is started again and again: looked at, paused, and fired.

    Raises:
        ConfigurationError: If a setting cannot work; names it.
    """

    def __init__(
        self,
        url: str,
        *,
        backend: str | None = None,
        broker: Broker | CeleryApp | Carrier | str | None = None,
        namespace: str = "strawberry_tasks",
        queues: Sequence[str] = (),
        routes: Mapping[str, str] | None = None,
        max_payload: int = MAX_PAYLOAD,
        max_result: int = MAX_RESULT,
        lease: timedelta = LEASE,
        async_concurrency: int = 1000,
        result_ttl: timedelta = timedelta(days=1),
        progress_interval: timedelta = timedelta(milliseconds=100),
        policy: Policy | None = None,
        recheck: timedelta = timedelta(seconds=60),
        max_subscriptions: int = MAX_SUBSCRIPTIONS,
        uploads: Uploads | None = None,
        fields: Mapping[str, str | None] | None = None,
        types: Mapping[str, str] | None = None,
        scalar_map: Mapping[object, Any] | None = None,
        log: Log | None = None,
        dispatch: Dispatch | None = None,
        surroundings: Surroundings | None = None,
        **defaults: Unpack[TaskSettings],
    ) -> None:
        self.config = Config(
            url=url,
            namespace=namespace,
            lease=lease,
            async_concurrency=async_concurrency,
            result_ttl=result_ttl,
            progress_interval=progress_interval,
            recheck=recheck,
            max_subscriptions=max_subscriptions,
            fields={} if fields is None else fields,
            types={} if types is None else types,
            queues=queues,
            max_payload=max_payload,
            max_result=max_result,
            defaults=options(TaskOptions(), **defaults),
        )
        self.policy: Policy = OwnerPolicy() if policy is None else check_port("policy", policy, Policy)
        self.uploads: Uploads = DirectoryUploads() if uploads is None else check_port("uploads", uploads, Uploads)
        if scalar_map is not None and not isinstance(scalar_map, Mapping):
            raise ConfigurationError(f"scalar_map: expected a dict of types and their scalars, got {scalar_map!r}.")
        self._scalar_map = dict(scalar_map or {})
        self._ports = Ports(
            log=None if log is None else check_port("log", log, Log),
            dispatch=SendAtOnce() if dispatch is None else check_port("dispatch", dispatch, Dispatch),
            surroundings=PlainSurroundings()
            if surroundings is None
            else check_port("surroundings", surroundings, Surroundings),
        )
        self._tasks: dict[str, Task[..., Any]] = {}
        self._declared_schedules: list[Schedule] = []
        self.schedules = Schedules(
            self._tasks.get, self.runtime, declared=self._declared_schedules, namespace=namespace
        )
        self._further_queues = set(self.config.queues)
        self._routes = Routes(routes)
        self._roll = open_roll(url, namespace=namespace, ttl=lease)
        self._backend = open_backend(
            backend,
            url,
            broker,
            namespace=namespace,
            lease=lease,
            # What is performed inline stands in the surroundings of its caller.
            perform=self.perform if backend == "sync" else self._perform_in_thread,
            fail=self.fail,
            attempts=lambda: self.runtime().async_attempts,
            upkeep=Upkeep(
                sweep=lambda: self.runtime().sweep(),
                tend=lambda: self.runtime().tend_log(),
                leave=lambda: self.runtime().flush_log(),
                lease=lease,
            ),
            presence=Presence(self._roll, lease=lease, keeper=lambda: self.runtime().keeper),
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
        return type("TasksExtension", (OperationExtension,), {"registry": self.registry})

    @cached_property
    def registry(self) -> Registry:
        """What GraphQL fields, and other views for clients, know of these tasks."""
        return Registry(
            tasks=self._tasks,
            fields=self.config.fields,
            types=self.config.types,
            runtime=self.runtime,
            policy=self.policy,
            recheck=self.config.recheck,
            max_subscriptions=self.config.max_subscriptions,
            schedules=self.schedules,
        )

    def handle(self, run_id: str) -> Handle[Any]:
        """Return the handle of a run that was started somewhere.

        Raises:
            TaskNotFoundError: If there is no such run, or it has expired.
            StoreUnavailableError: If the store does not answer.
        """
        run = self.runtime().find(run_id)
        if run is None:
            raise TaskNotFoundError(run_id)
        task = self._tasks.get(run.name)
        return Handle(run, _same if task is None else task.load_result, self.runtime)

    async def ahandle(self, run_id: str) -> Handle[Any]:
        """`handle` for async code."""
        return await self.runtime().off_loop(self.handle, run_id)

    def declare_queue(self, queue: str) -> None:
        """Let runs be sent to a queue that no task names.

        Raises:
            ConfigurationError: If the queue cannot have this name.
        """
        check_queue("queue", queue)
        self._further_queues.add(queue)

    def find(self, name: str) -> Task[..., Any]:
        """Return a declared task.

        Raises:
            KeyError: If there is none of that name.
        """
        return self._tasks[name]

    def queues(self) -> Set[str]:
        """Return the queues that runs may be sent to."""
        config = self.config
        return {config.defaults.queue, *self._further_queues, *(task.options.queue for task in self._tasks.values())}

    def workers(self) -> list[WorkerInfo]:
        """Return the worker processes that have given a sign of life within the last ``lease``.

        Raises:
            StoreUnavailableError: If the store does not answer.
        """
        return self._roll.read()

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
        return Runtime(store=store, backend=backend, find=self._tasks.get, config=self.config, ports=self._ports)

    def perform(
        self, work: Work, run_id: str, settle: Settle | None = None, *, trouble: BaseException | None = None
    ) -> Verdict:
        """Perform one attempt of a run with this process's runtime; backends call it."""
        with no_operation():  # Inline, it may be in the middle of one, and a worker is not.
            return perform(work, run_id, self.runtime(), settle, trouble=trouble)

    def fail(self, run_id: str, failure: Failure) -> None:
        """End a run of which no attempt will follow; backends call it."""
        runtime = self.runtime()
        fail(run_id, failure, store=runtime.store, find=self._tasks.get)
        runtime.changed(run_id)

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
        self._roll.close()

    def _perform_in_thread(self, work: Work, run_id: str, settle: Settle | None = None) -> Verdict:
        with entered(self._ports.surroundings) as trouble:
            return self.perform(work, run_id, settle, trouble=trouble)

    def _open_runtime(self) -> Runtime:
        config = self.config
        store = open_store(config.url, namespace=config.namespace, result_ttl=config.result_ttl, lease=config.lease)
        return self.runtime_over(store, self._backend)


def _same(data: JSON) -> JSON:
    return data
