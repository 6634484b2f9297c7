"""What a worker gets its messages from, one consumer for each queue."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed

from ...outage import Outage
from .delivery import Dead, Delivery, Done
from .letters import reason_for

if TYPE_CHECKING:
    from .broker import RedisTransport

logger = logging.getLogger(__name__)

_PAUSE: Final = 0.5
"""Seconds between two tries while the server is away."""


class RedisConsumer(Consumer):
    """Fetches messages as long as there is room, and sleeps until there are some.

    Args:
        transport: The broker.
        queue: The queue's name.
        prefetch: How many messages the process may have fetched at a time.
        timeout: Milliseconds after which an idle consumer returns, so that its thread can look around.
    """

    def __init__(self, transport: RedisTransport, queue: str, *, prefetch: int, timeout: int) -> None:
        self._transport = transport
        self._queue = queue
        self._prefetch = prefetch
        self._timeout = timeout / 1000
        self._inbox = transport.inbox(queue)
        self._sleeper = transport.sleeper()
        self._outage = Outage(logger)

    def __next__(self) -> MessageProxy | None:
        """Return a message; ``None`` if there was none for a while."""
        if self._transport.stopping:
            time.sleep(min(self._timeout, _PAUSE))
            return None
        if (delivery := self._inbox.take()) is not None:
            return delivery
        limit = self._inbox.room(self._prefetch, within=self._timeout)
        # What is given back at the worker's end makes room, too.
        if limit and not self._transport.stopping:
            self._fetch_or_sleep(limit)
        return self._inbox.take()

    def ack(self, message: MessageProxy) -> None:
        """Forget a message that is done with."""
        self._settle(message)

    def nack(self, message: MessageProxy) -> None:
        """Move a message to the dead letters."""
        self._settle(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give messages back that were not performed."""
        self._transport.give_back([message for message in messages if isinstance(message, Delivery)])

    def close(self) -> None:
        """Give back the connection, and at the end of the worker whatever is still in its hands."""
        self._sleeper.close()
        if self._transport.stopping:
            self._transport.abandon(self._queue)

    def _settle(self, message: MessageProxy) -> None:
        if not isinstance(message, Delivery):
            raise TypeError(f"expected a message of this broker, got {message!r}.")
        if message.detached:
            return
        if message.failed:
            self._transport.settle(message, Dead(reason_for(message.exception), message.encode()))
        else:
            self._transport.settle(message, Done())

    def _fetch_or_sleep(self, limit: int) -> None:
        try:
            wait = self._transport.fetch(self._queue, limit)
            if self._transport.stopping:
                self._transport.give_back(self._inbox.drain())
            elif wait:
                self._sleeper.sleep(self._transport.wake_key(self._queue), min(wait, self._timeout))
        except ConnectionClosed as error:
            # Raised, it would have Dramatiq start the consumer anew, which takes it three seconds.
            self._outage.note("Queue %r cannot be reached; trying on. %s", self._queue, error)
            time.sleep(_PAUSE)
        else:
            self._outage.end("Queue %r can be reached again.", self._queue)
