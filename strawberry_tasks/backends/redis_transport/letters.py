"""What can be said about dead messages, and about a queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from dramatiq.errors import ActorNotFound, DecodeError
from dramatiq.message import Message

from ...snapshot import from_millis


class DeadReason(StrEnum):
    """Why a message was given up."""

    DELIVERIES_EXHAUSTED = "DELIVERIES_EXHAUSTED"
    """Too many workers died of it, or at least while they performed it."""

    UNKNOWN_ACTOR = "UNKNOWN_ACTOR"
    """The worker that got it knows no such actor."""

    UNDECODABLE = "UNDECODABLE"
    """It is no message, or written with another encoder."""

    FAILED = "FAILED"
    """Its actor failed, and no retry follows."""


class DeadLetter(NamedTuple):
    """A message that was given up."""

    message_id: str
    """The message's id; with a task's message, the run's."""

    reason: DeadReason
    """Why."""

    message: Message[Any] | None
    """The message; ``None`` if it cannot be decoded."""

    buried_at: datetime | None
    """When it was given up; ``None`` if that is not known here."""

    @property
    def traceback(self) -> str | None:
        """What its actor failed with last, if it failed."""
        return None if self.message is None else self.message.options.get("traceback")


class QueueDepth(NamedTuple):
    """How many messages a queue holds."""

    ready: int
    """Waiting for a worker."""

    delayed: int
    """Not due yet."""

    in_flight: int
    """In the hands of workers."""

    dead: int
    """Given up."""

    @property
    def live(self) -> int:
        """Those that are not dead."""
        return self.ready + self.delayed + self.in_flight


def dead_letter(message_id: bytes, reason: bytes, data: bytes, buried_at: bytes | None = None) -> DeadLetter:
    """Read a dead letter as it stands in Redis."""
    return DeadLetter(
        message_id=message_id.decode(),
        reason=DeadReason(reason.decode()),
        message=decoded(data),
        buried_at=None if buried_at is None else from_millis(int(buried_at)),
    )


def decoded(data: bytes) -> Message[Any] | None:
    """Decode a message, if it is one."""
    try:
        return Message.decode(data)
    except DecodeError:
        return None


def rows(flat: Sequence[Any], width: int) -> Iterable[tuple[Any, ...]]:
    """Cut the answer of a script into rows."""
    return zip(*[iter(flat)] * width, strict=True)


def reason_for(error: BaseException | None) -> DeadReason:
    """Return why a message was given up that failed with this."""
    return DeadReason.UNKNOWN_ACTOR if isinstance(error, ActorNotFound) else DeadReason.FAILED
