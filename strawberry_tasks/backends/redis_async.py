"""Hands the messages of async tasks over to the event loop, so that no worker thread is held."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from dramatiq import Worker
from dramatiq.broker import Broker
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware

from ..async_attempts import Assignment, AsyncAttempts
from ..lifecycle import Settle, Work
from ..outcome import Verdict
from .redis_transport import RedisTransport
from .redis_transport.delivery import Again, Dead, Delivery, Done, Outcome
from .redis_transport.letters import reason_for

logger = logging.getLogger(__name__)

STOP_PATIENCE: Final = timedelta(seconds=5)
"""How long a function may take to end that is canceled because the worker's time to shut down is over."""


class AsyncDeliveries(Middleware):
    """Stands between a transport and the attempts on the loop, and sees to it that a worker ends with all of them settled.

    Args:
        transport: The broker.
        attempts: Returns what performs them in this process.
    """

    def __init__(self, transport: RedisTransport, attempts: Callable[[], AsyncAttempts]) -> None:
        self._transport = transport
        self._attempts = attempts
        self._is_leaving = False
        transport.on_leave = self._give_back
        transport.add_middleware(self)

    def begin(self, work: Work, delivery: Delivery, settle: Settle) -> None:
        """Start an attempt, or let it wait for others to end; either way the message is no longer the thread's."""
        delivery.detach()
        # It leaves no room for another one before it has its place: so as many wait here as are prefetched, and no more.
        on_end = partial(self._end, delivery)
        self._attempts().submit(Assignment(work, delivery.message_id, settle, delivery.make_room, on_end))

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Begin anew, where a worker follows another one in one process."""
        self._is_leaving = False

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Give back what was not begun."""
        self.turn_away()

    def turn_away(self) -> None:
        """Give back what was not begun; harmless when it was done before."""
        self._attempts().turn_away()

    def before_worker_thread_shutdown(self, broker: Broker, thread: object) -> None:
        """Let the worker wait for the loop as it waits for its threads, and as long."""
        self._attempts().wait()

    def _give_back(self) -> None:
        # Asked for each queue; the patience is for all of them.
        is_first, self._is_leaving = not self._is_leaving, True
        if is_first:
            self._attempts().give_back(STOP_PATIENCE)

    def _end(self, delivery: Delivery, verdict: Verdict | None) -> None:
        try:
            if verdict is None:
                self._transport.give_back([delivery])
            else:
                self._transport.settle(delivery, _outcome(delivery, verdict))
        except ConnectionClosed as error:
            logger.warning("The end of message %s waits for Redis: %s", delivery.message_id, error)


def _outcome(delivery: Delivery, verdict: Verdict) -> Outcome:
    if verdict.retry_in is not None:
        return Again(time.monotonic() + verdict.retry_in.total_seconds())
    if verdict.error is not None:
        return Dead(reason_for(verdict.error), delivery.encode())
    return Done()
