"""Runs tasks as tasks of a Celery app, in the workers of a project that has them already."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from celery import Celery, signals
from celery import Task as CeleryTask
from celery.concurrency.prefork import TaskPool as ProcessPool
from celery.exceptions import Reject, Retry

from ..errors import ConfigurationError, QueueUnavailableError, StoreUnavailableError
from ..lifecycle import STORE_PAUSE, Work
from ..snapshot import Snapshot
from ..stores.base import NewRun, Store
from .base import Perform
from .start import record_and_send
from .upkeep import Upkeep

MIDDLE: Final = 5
"""The level of a run without a priority, of the ten from 0 to 9 that Celery's brokers know."""


class CeleryBackend:
    """Declares a task of the app for each of ours. Worker, command line, pools and message format stay Celery's.

    A message carries the run's id, as its own id and as its only argument; what the run is about stands in the store.

    Args:
        app: The project's; it stays the project's to configure and to close.
        namespace: What the names of the app's tasks begin with.
        perform: Performs one attempt of a run.
        upkeep: What a worker has looked after.
    """

    def __init__(self, app: object, *, namespace: str, perform: Perform, upkeep: Upkeep) -> None:
        if not isinstance(app, Celery):
            raise ConfigurationError(
                f'broker: expected a celery.Celery app with backend="celery", got {app!r}. The app knows where its broker is.'
            )
        self._app = app
        self._namespace = namespace
        self._perform = perform
        self._upkeep = upkeep
        self._tended_by = 0
        self._works: dict[str, Work] = {}
        self._tasks: dict[str, CeleryTask] = {}
        self._queues: set[str] = set()
        signals.celeryd_init.connect(self._consume)
        signals.worker_process_init.connect(self._begin_upkeep)
        signals.worker_ready.connect(self._begin_upkeep_with_threads)
        signals.worker_process_shutdown.connect(self._end_upkeep)
        signals.worker_shutdown.connect(self._end_upkeep)

    def register(self, work: Work) -> None:
        """Declare the app's task, whose message is acknowledged when the attempt has ended."""
        self._queues.add(work.options.queue)
        name, is_known = work.name, work.name in self._works
        self._works[name] = work
        if is_known:
            return  # The app's task performs what the task has become.
        self._tasks[name] = self._app.task(
            _attempt_of(lambda: self._works[name], self._perform),
            name=f"{self._namespace}.{name}",
            bind=True,
            shared=False,
            acks_late=True,
            reject_on_worker_lost=True,
            ignore_result=True,
        )

    def start(self, work: Work, runs: Sequence[NewRun], *, store: Store) -> Sequence[Snapshot]:
        """Record runs and send their messages."""
        return record_and_send(
            store, runs, lambda run: self._send(work, run.id, run.queue, run.delay, priority=run.priority)
        )

    def is_atomic(self, store: Store) -> bool:
        """Tell that it takes two steps: the record comes first."""
        return False

    def send(self, work: Work, run_id: str, *, queue: str, delay: timedelta | None) -> None:
        """Send the run's message."""
        self._send(work, run_id, queue, delay)

    def hurry(self, run_id: str, queue: str) -> None:
        """Leave it: the message comes by itself."""

    def close(self) -> None:
        """Leave the app's connections to the project."""

    def _send(self, work: Work, run_id: str, queue: str, delay: timedelta | None, *, priority: int = 0) -> None:
        countdown = None if delay is None else delay.total_seconds()
        options = {"task_id": run_id, "queue": queue, "countdown": countdown, "priority": self._level(priority)}
        try:
            self._tasks[work.name].apply_async((run_id,), **options)
        except Exception as error:
            # Each transport of Celery's has errors of its own, of which kombu translates some.
            raise QueueUnavailableError from error

    @cached_property
    def _lowest_first(self) -> bool:
        """Whether the lowest level is the most urgent: over Redis it is, over all others the highest."""
        return bool(self._app.connection_for_write().transport.driver_type == "redis")

    def _level(self, priority: int) -> int:
        level = max(0, min(9, MIDDLE + priority))
        return 9 - level if self._lowest_first else level

    def _consume(self, instance: Any, **_: object) -> None:
        """Have a worker consume our tasks' queues beside its own; with ``-Q`` those alone that it names."""
        if instance.app == self._app:
            for queue in sorted(self._queues - set(self._app.amqp.queues)):
                self._app.amqp.queues.select_add(queue)

    def _begin_upkeep(self, **_: object) -> None:
        if self._tended_by != os.getpid():
            self._tended_by = os.getpid()
            self._upkeep.begin()

    def _begin_upkeep_with_threads(self, sender: Any, **_: object) -> None:
        # Processes have a beginning of their own, and one with a thread should not be forked.
        if not isinstance(sender.pool, ProcessPool):
            self._begin_upkeep()

    def _end_upkeep(self, **_: object) -> None:
        if self._tended_by == os.getpid():
            self._upkeep.end()


def _attempt_of(work: Callable[[], Work], perform: Perform) -> Callable[[CeleryTask, str], None]:
    def attempt(task: CeleryTask, run_id: str) -> None:
        try:
            verdict = perform(work(), run_id)
        except StoreUnavailableError as error:
            raise _again(task, STORE_PAUSE) from error
        if verdict.retry_in is not None:
            raise _again(task, verdict.retry_in)
        if verdict.error is not None:
            raise verdict.error

    return attempt


def _again(task: CeleryTask, delay: timedelta) -> Reject | Retry:
    """Send the message that was delivered once more; return what tells the worker so."""
    seconds = delay.total_seconds()
    # Celery's own `Task.retry` would drop the message where the broker is away, and count attempts that we count.
    following = task.signature_from_request(task.request, countdown=seconds, retries=task.request.retries + 1)
    try:
        following.apply_async()
    except Exception as error:  # noqa: BLE001 - as above; the message must not be lost.
        return Reject(error, requeue=True)
    return Retry("The next attempt is due later.", when=seconds)
