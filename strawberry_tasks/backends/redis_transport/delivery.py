"""A message in this process's hands, and what may become of it."""

from __future__ import annotations

import threading
import time
from typing import Any, NamedTuple, TypeAlias

from dramatiq.broker import MessageProxy
from dramatiq.message import Message

from .inbox import Inbox


class Done(NamedTuple):
    """The message is done with."""


class Dead(NamedTuple):
    """The message goes to the dead letters."""

    reason: str
    message: bytes


class Again(NamedTuple):
    """The message is to be delivered again."""

    due: float
    """When, by `time.monotonic`."""

    message: bytes = b""
    """What it is then; empty leaves it as it is."""

    @property
    def delay(self) -> int:
        """Milliseconds from now."""
        return max(0, round((self.due - time.monotonic()) * 1000))


Outcome: TypeAlias = Done | Dead | Again
"""What becomes of a message."""


class Delivery(MessageProxy):
    """A message that this process holds under a lease.

    Attributes:
        token: Tells this delivery from others of the same message; only the latest one may end it.
        suspect: Whether a lease of the message has lapsed before, so that it may be what kills workers.
        lost: Whether the message is gone or in other hands: nothing that happens here matters to it.
        settled: Whether its outcome stands in Redis.
        detached: Whether its outcome comes from elsewhere than the thread that performed it.
        outcome: What becomes of it, once that is known.
        lock: Held while the outcome is decided or written.
    """

    def __init__(self, message: Message[Any], *, token: bytes, suspect: bool, inbox: Inbox) -> None:
        super().__init__(message)
        # Dramatiq's proxy looks each of these up in the message, some twenty times for one that is performed.
        self.queue_name = message.queue_name
        self.actor_name = message.actor_name
        self.args = message.args
        self.kwargs = message.kwargs
        self.options = message.options
        self.message_id = message.message_id
        self.message_timestamp = message.message_timestamp
        self.token = token
        self.suspect = suspect
        self.lost = False
        self.settled = False
        self.detached = False
        self.outcome: Outcome | None = None
        self.lock = threading.RLock()
        self._inbox = inbox
        self._counts = True

    @property
    def exception(self) -> BaseException | None:
        """What the worker says it failed with."""
        return self._exception

    def detach(self) -> None:
        """Keep the message in flight beyond the thread that performs it: what the worker says of it afterwards is ignored.

        `RedisTransport.settle` ends it, from any thread; it takes up its room until it does, or makes room before.
        """
        self.detached = True

    def make_room(self) -> None:
        """Let another message be fetched in its place."""
        with self.lock:
            counts, self._counts = self._counts, False
        if counts:
            self._inbox.leave()
