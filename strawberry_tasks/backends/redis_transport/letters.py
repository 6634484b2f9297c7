"""What can be said about dead messages, and about a queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from dramatiq.errors import ActorNotFound, DecodeError
from dramatiq.message import Message

from ...errors import TaskUnreadableError
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

    UNREADABLE = "UNREADABLE"
    """The record of its run cannot be read: it is damaged, or of another version."""

    OTHER = "OTHER"
    """Something that this version does not know."""


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


def dead_letter(
    message_id: bytes, reason: bytes | None, data: bytes | None, buried_at: bytes | None = None
) -> DeadLetter:
    """Read a dead letter as it stands in Redis, as far as it can be read."""
    return DeadLetter(
        message_id=text_of(message_id),
        reason=_reason(reason or b""),
        message=decoded(message_id, data),
        buried_at=None if buried_at is None else _moment(float(buried_at)),
    )


def text_of(message_id: bytes) -> str:
    """Return the id of a message, of which some may be no text."""
    return message_id.decode("utf-8", "backslashreplace")


def decoded(message_id: bytes | str, data: bytes | None) -> Message[Any] | None:
    """Decode a message, if it is one, and has this id."""
    try:
        message = Message.decode(data or b"")
    except DecodeError:
        return None
    own_id = message_id if isinstance(message_id, str) else text_of(message_id)
    return message if message.message_id == own_id and _is_sound(message) else None


def _is_sound(message: Message[Any]) -> bool:
    fields: dict[str, Any] = message.asdict()
    if not (isinstance(fields["queue_name"], str) and isinstance(fields["actor_name"], str)):
        return False
    options = fields["options"]
    if not (isinstance(fields["kwargs"], dict) and isinstance(options, dict)):
        return False
    return isinstance(options.get("broker_priority", 0), int)


def _reason(text: bytes) -> DeadReason:
    try:
        return DeadReason(text.decode("utf-8", "replace"))
    except ValueError:
        return DeadReason.OTHER


def _moment(millis: float) -> datetime | None:
    try:
        return from_millis(int(millis))
    except (ValueError, OverflowError, OSError):
        return None


def rows(flat: Sequence[Any], width: int) -> Iterable[tuple[Any, ...]]:
    """Cut the answer of a script into rows."""
    return zip(*[iter(flat)] * width, strict=True)


def reason_for(error: BaseException | None) -> DeadReason:
    """Return why a message was given up that failed with this."""
    if isinstance(error, TaskUnreadableError):
        return DeadReason.UNREADABLE
    return DeadReason.UNKNOWN_ACTOR if isinstance(error, ActorNotFound) else DeadReason.FAILED
