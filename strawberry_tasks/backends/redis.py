"""Runs tasks over the Redis transport; where it shares a server with the store, record and message change in one script."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeGuard

from dramatiq import Worker
from dramatiq.errors import ConnectionClosed

from ..async_attempts import AsyncAttempts
from ..errors import AlreadyFiredError, QueueUnavailableError, StoreUnavailableError
from ..lifecycle import Settle, Work
from ..snapshot import Failure, Snapshot
from ..status import TaskStatus
from ..stores.base import Change, NewRun, Store
from ..stores.redis import RedisStore
from .base import Fail, Perform
from .dramatiq import DramatiqBackend, milliseconds
from .redis_async import AsyncDeliveries
from .redis_transport import DeadLetter, DeadReason, Enqueuing, RedisTransport
from .redis_transport.boundary import end_intake
from .redis_transport.delivery import Again, Delivery, Done

_FAILURES: Final = {
    DeadReason.DELIVERIES_EXHAUSTED: Failure(
        code="WORKER_LOST", message="The workers that performed the task were lost."
    ),
    DeadReason.UNKNOWN_ACTOR: Failure(code="REJECTED", message="The worker does not know the task."),
    DeadReason.UNDECODABLE: Failure(code="REJECTED", message="The worker cannot read the task's message."),
    DeadReason.FAILED: Failure(code="TASK_ERROR", message="The task failed with an unexpected error."),
}


class RedisBackend(DramatiqBackend):
    """Declares an actor per task over a `RedisTransport`.

    Args:
        broker: The transport.
        perform: Performs one attempt of a run.
        fail: Ends a run whose message was given up.
        attempts: Returns what performs the async tasks of this process.
    """

    def __init__(
        self, broker: RedisTransport, perform: Perform, fail: Fail, attempts: Callable[[], AsyncAttempts]
    ) -> None:
        super().__init__(broker, perform)
        self._transport = broker
        self._async = AsyncDeliveries(broker, attempts)
        self._fail = fail
        broker.dead.on_dead = self._bury

    def function_of(self, work: Work) -> Callable[[str], None]:
        """Return what an actor calls with a run's id; with an async task it returns as soon as the attempt has begun."""
        return partial(self._begin, work) if work.is_async else super().function_of(work)

    @property
    def settle(self) -> Settle:
        """Writes how an attempt ended, and what becomes of its message."""
        return self._settle

    def start(self, work: Work, runs: Sequence[NewRun], *, store: Store) -> Sequence[Snapshot]:
        """Record runs and enqueue their messages."""
        if not self._is_beside(store):
            return super().start(work, runs, store=store)
        try:
            answers = self._transport.enqueue_by(self._enqueuing(work, run, store) for run in runs)
            return [
                self._standing(work, run, store)
                if answer is None
                else store.created(run, [text.decode() for text in answer])
                for run, answer in zip(runs, answers, strict=True)
            ]
        except (ConnectionClosed, StoreUnavailableError) as error:
            raise QueueUnavailableError from error

    def is_atomic(self, store: Store) -> bool:
        """Tell whether the messages are on the server of the records: one script does both then."""
        return self._is_beside(store)

    def hurry(self, run_id: str, queue: str) -> None:
        """Deliver the message of a run now that was put off."""
        try:
            self._transport.hurry(queue, run_id)
        except ConnectionClosed as error:
            raise QueueUnavailableError from error

    def end_intake(self, worker: Worker) -> None:
        """Fetch nothing more, and give back what was fetched and not begun."""
        self._transport.stopping = True
        self._async.turn_away()
        end_intake(self._transport, worker)

    def _standing(self, work: Work, run: NewRun, store: RedisStore) -> Snapshot:
        """Return the run that is there instead of a new one; it has a message of its own."""
        present = store.standing(run)
        if present is None and run.fire is not None:
            raise AlreadyFiredError
        # It may have ended in this moment.
        return present or self.start(work, [run], store=store)[0]

    def _enqueuing(self, work: Work, run: NewRun, store: RedisStore) -> Enqueuing:
        message = self._message(work, run.id, run.queue, run.priority)
        delay = None if run.delay is None else milliseconds(run.delay)
        enqueuing = self._transport.enqueuing(message, delay=delay)
        return Enqueuing(message, delay, store.creation(run).then(enqueuing))

    def _begin(self, work: Work, run_id: str) -> None:
        # Without one, the message is in other hands by now.
        if (delivery := self._transport.in_flight(run_id)) is not None:
            self._async.begin(work, delivery, partial(self._settle_by, delivery))

    def _settle(self, store: Store, change: Change) -> int | None:
        return self._settle_by(self._transport.in_flight(change.run_id), store, change)

    def _settle_by(self, delivery: Delivery | None, store: Store, change: Change) -> int | None:
        status = change.values.get("status")
        if delivery is None or status is None or not self._is_beside(store):
            return store.apply([change])[0]
        outcome: Done | Again
        if status is TaskStatus.RETRYING and change.delay is not None:
            outcome = Again(time.monotonic() + change.delay.total_seconds())
        elif TaskStatus(status).is_terminal:
            outcome = Done()
        else:
            return store.apply([change])[0]
        call = store.change(change).then(self._transport.settling(delivery, outcome))
        try:
            version: int | None = self._transport.settle_by(call, delivery)
        except ConnectionClosed as error:
            raise StoreUnavailableError(str(error)) from error
        return version

    def _bury(self, letter: DeadLetter) -> None:
        # What cannot be read cannot be ended; and a version that buries for other reasons has ended what it buried.
        if (failure := _FAILURES.get(letter.reason)) is not None:
            self._fail(letter.message_id, failure)

    def _is_beside(self, store: Store) -> TypeGuard[RedisStore]:
        return isinstance(store, RedisStore) and store.server == self._transport.server
