"""The messages that were given up: read, retried, deleted, and their owners told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from dramatiq.message import Message

from .calls import QueueCalls
from .letters import DeadLetter, DeadReason, dead_letter, rows, text_of
from .link import Link

logger = logging.getLogger(__name__)


class DeadLetters:
    """The dead letters of a transport's queues.

    Args:
        link: Calls the scripts.
        calls: Makes the calls.
        priority: Tells the priority of a message.

    Attributes:
        on_dead: Told about each message that some worker has given up; told again if it raises.
    """

    def __init__(self, link: Link, calls: QueueCalls, priority: Callable[[Message[Any]], int]) -> None:
        self._link = link
        self._calls = calls
        self._priority = priority
        self.on_dead: Callable[[DeadLetter], None] | None = None

    def read(self, queue: str, *, first: int = 100) -> list[DeadLetter]:
        """Return the dead letters of a queue, the latest first.

        Raises:
            ConnectionClosed: If Redis does not answer.
        """
        found = rows(self._link.call(self._calls.letters(queue, first)), 4)
        return [dead_letter(message_id, reason, data, at) for message_id, at, reason, data in found]

    def retry(self, queue: str, letters: Iterable[DeadLetter]) -> int:
        """Move dead letters back to their queue; return how many were there and can be decoded.

        Raises:
            ConnectionClosed: If Redis does not answer.
        """
        calls = [
            self._calls.revive(queue, letter.message_id, message.encode(), priority=self._priority(message))
            for letter in letters
            if (message := letter.message) is not None
        ]
        return sum(self._link.call_each(calls)) if calls else 0

    def purge(self, queue: str, letters: Iterable[DeadLetter] | None = None) -> int:
        """Delete dead letters, by default all; return how many.

        Raises:
            ConnectionClosed: If Redis does not answer.
        """
        ids = None if letters is None else [letter.message_id for letter in letters]
        return 0 if ids == [] else int(self._link.call(self._calls.purge(queue, ids or ())))

    def bury_undecodable(self, queue: str, message_id: bytes, token: bytes, data: bytes | None) -> None:
        """Give up what is no message; ``None`` if there is nothing but an id.

        Raises:
            ConnectionClosed: If Redis does not answer.
        """
        logger.error("Moved message %r of queue %r to the dead letters: it cannot be decoded.", message_id, queue)
        self._link.call(self._calls.bury(queue, message_id, token, data or b"", DeadReason.UNDECODABLE))
        self.tell(queue, DeadLetter(text_of(message_id), DeadReason.UNDECODABLE, None, None), message_id)

    def tell(self, queue: str, letter: DeadLetter, message_id: bytes | str = "") -> None:
        """Tell the owner; if that fails, some worker does so after the time of a lease.

        Args:
            queue: The letter's queue.
            letter: The letter.
            message_id: Its id as it stands in Redis, if that may be no text.
        """
        try:
            if self.on_dead is not None:
                self.on_dead(letter)
            self._link.send("ZREM", self._calls.key(queue, "untold"), message_id or letter.message_id)
        except Exception as error:  # noqa: BLE001 - the worker's boundary
            logger.warning("The end of message %s could not be told yet: %s", letter.message_id, error)
