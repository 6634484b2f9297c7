"""Runs tasks as Dramatiq actors, in worker processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import dramatiq
from dramatiq import Worker
from dramatiq.broker import Broker
from dramatiq.errors import Retry
from dramatiq.middleware import (
    AgeLimit,
    Callbacks,
    Middleware,
    MiddlewareError,
    Pipelines,
    Retries,
    ShutdownNotifications,
    TimeLimit,
)

from ..errors import ConfigurationError, QueueUnavailableError, StoreUnavailableError
from ..lifecycle import STORE_PAUSE, Settle, Work
from ..snapshot import Snapshot
from ..stores.base import NewRun, Store
from .base import Perform
from .start import record_and_send


def offer_to_command_line(broker: Broker) -> None:
    """Let ``dramatiq myapp.tasks`` find the broker, unless the project has chosen another one already.

    With several brokers, name the one that a worker consumes: ``dramatiq myapp.tasks:tasks.broker``.
    """
    if dramatiq.broker.global_broker is None:
        dramatiq.set_broker(broker)


def middleware() -> list[Middleware]:
    """Return Dramatiq's middleware without `TimeLimit`, which may strike after the function has returned.

    A task's ``timeout`` takes its place; it covers the function alone.
    """
    return [AgeLimit(), ShutdownNotifications(), Callbacks(), Pipelines(), Retries()]


class DramatiqBackend:
    """Declares an actor per task. Worker, CLI, middleware and message format stay Dramatiq's.

    A message carries the run's id, as its ``message_id`` and as its only argument; what the run is about stands in the store.
    """

    def __init__(self, broker: Broker, perform: Perform) -> None:
        self.broker = broker
        self._perform = perform
        self._declared: set[str] = set()

    def register(self, work: Work) -> None:
        """Declare the task's actor, in place of one for a former version of the task.

        Raises:
            ConfigurationError: If the broker has no `Retries` middleware.
        """
        if not any(isinstance(middleware, Retries) for middleware in self.broker.middleware):
            raise ConfigurationError(
                "broker: expected one with Dramatiq's Retries middleware, which delivers a run's next attempt; add it."
            )
        # A project's broker may have a limit for its actors, which may strike after the function has returned.
        has_limit = any(isinstance(middleware, TimeLimit) for middleware in self.broker.middleware)
        no_limit: dict[str, Any] = {"time_limit": math.inf} if has_limit else {}
        if work.name in self._declared:
            del self.broker.actors[work.name]
        declare = dramatiq.actor(
            actor_name=work.name,
            queue_name=work.options.queue,
            broker=self.broker,
            retry_when=_is_retry,
            **no_limit,
        )
        declare(self.function_of(work))
        self._declared.add(work.name)

    def function_of(self, work: Work) -> Callable[[str], None]:
        """Return what an actor calls with a run's id; it holds a worker thread until the attempt has ended."""
        return _actor_function(work, self._perform, self.settle)

    @property
    def settle(self) -> Settle | None:
        """Writes how an attempt ended; ``None`` writes it to the store alone."""
        return None

    def start(self, work: Work, runs: Sequence[NewRun], *, store: Store) -> Sequence[Snapshot]:
        """Record runs and enqueue their messages."""
        return record_and_send(
            store, runs, lambda run: self._enqueue(self._message(work, run.id, run.queue, run.priority), run.delay)
        )

    def is_atomic(self, store: Store) -> bool:
        """Tell that it takes two steps: the record comes first."""
        return False

    def send(self, work: Work, run_id: str, *, queue: str, delay: timedelta | None) -> None:
        """Enqueue the run's message."""
        self._enqueue(self._message(work, run_id, queue), delay)

    def _message(self, work: Work, run_id: str, queue: str, priority: int = 0) -> dramatiq.Message[None]:
        self.broker.declare_queue(queue)
        return dramatiq.Message(
            queue_name=queue,
            actor_name=work.name,
            args=(run_id,),
            kwargs={},
            options={"broker_priority": priority} if priority else {},
            message_id=run_id,
        )

    def _enqueue(self, message: dramatiq.Message[None], delay: timedelta | None) -> None:
        try:
            self.broker.enqueue(message, delay=None if delay is None else milliseconds(delay))
        except MiddlewareError:
            # The user's own middleware refuses it.
            raise
        except Exception as error:
            # Each broker has errors of its own.
            raise QueueUnavailableError from error

    def hurry(self, run_id: str, queue: str) -> None:
        """Leave it: the message comes by itself."""

    def end_intake(self, worker: Worker) -> None:
        """Leave what a worker has fetched to its end: these brokers give it back then."""

    def close(self) -> None:
        """Give back the broker's connections."""
        self.broker.close()


def _actor_function(work: Work, perform: Perform, settle: Settle | None) -> Callable[[str], None]:
    def attempt(run_id: str) -> None:
        try:
            verdict = perform(work, run_id, settle)
        except StoreUnavailableError as error:
            raise Retry(str(error), delay=milliseconds(STORE_PAUSE)) from error
        if verdict.retry_in is not None:
            raise Retry("The next attempt is due later.", delay=milliseconds(verdict.retry_in))
        if verdict.error is not None:
            raise verdict.error

    return attempt


def _is_retry(_: int, error: BaseException) -> bool:
    return isinstance(error, Retry)


def milliseconds(duration: timedelta) -> int:
    """Return a duration as Dramatiq takes it."""
    return round(duration / timedelta(milliseconds=1))
