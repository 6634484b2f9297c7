"""How much of results waits to be sent to each connection."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

MAX_UNSENT: Final = 4 * 1024 * 1024
"""How many characters of results, as JSON, one connection's subscriptions have in hand at the most; a larger one goes alone."""


class Unsent:
    """What the subscriptions of one connection have in hand of results: resolved, and not sent yet. It belongs to one event loop.

    A connection whose client does not read keeps what it was given, for each of its subscriptions. The next one waits, then.
    """

    def __init__(self) -> None:
        self._size = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        """Wait until a result of that size may be resolved."""
        if not self._waiting and self._fits(size):
            self._size += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            raise

    def give(self, size: int) -> None:
        """Have one less in hand, which was sent, or is not wanted any more."""
        self._size -= size
        while self._waiting and (self._waiting[0][1].done() or self._fits(self._waiting[0][0])):
            waits_for, turn = self._waiting.popleft()
            if not turn.done():
                self._size += waits_for
                turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return not self._size or self._size + size <= MAX_UNSENT


class Hand:
    """What one event of a subscription has in hand.

    Args:
        unsent: That of its connection.
    """

    __slots__ = ("_is_dropped", "_lock", "_size", "_unsent")

    def __init__(self, unsent: Unsent) -> None:
        self._unsent = unsent
        self._size = 0
        self._is_dropped = False
        self._lock = asyncio.Lock()

    async def take(self, size: int) -> None:
        """Wait until the event's result may be resolved, whose fields are resolved together."""
        async with self._lock:
            if not self._size:
                await self._unsent.take(size)
                self._size = size
        if self._is_dropped:
            self.drop()

    def drop(self) -> None:
        """Have nothing in hand any more."""
        self._is_dropped = True
        size, self._size = self._size, 0
        if size:
            self._unsent.give(size)
