"""What one process has fetched from one queue: what still waits here, and how much it may take."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .delivery import Delivery


class Inbox:
    """Survives the consumer, which Dramatiq replaces after an error: leased messages must not be forgotten."""

    def __init__(self) -> None:
        self._waiting: deque[Delivery] = deque()
        self._taken = 0
        self._enough = 0
        self._changed = threading.Condition()

    def put(self, deliveries: Iterable[Delivery]) -> None:
        """Add what was fetched."""
        with self._changed:
            for delivery in deliveries:
                self._waiting.append(delivery)
                self._taken += 1

    def take(self) -> Delivery | None:
        """Take the next one out; it counts until it makes room."""
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def drain(self) -> list[Delivery]:
        """Take all out."""
        drained = []
        while (delivery := self.take()) is not None:
            drained.append(delivery)
        return drained

    def leave(self) -> None:
        """Count one less."""
        with self._changed:
            self._taken -= 1
            if self._taken <= self._enough:
                self._changed.notify_all()

    def room(self, prefetch: int, *, within: float) -> int:
        """Return how many may be fetched; 0 if there is no room worth a round trip in time.

        Args:
            prefetch: How many there may be.
            within: How many seconds to wait for room.
        """
        # Dramatiq prefetches two messages a thread: with a quarter gone, none is idle yet.
        worthwhile = max(1, prefetch // 4)
        with self._changed:
            self._enough = prefetch - worthwhile
            has_room = self._changed.wait_for(lambda: self._taken <= self._enough, within)
            return prefetch - self._taken if has_room else 0
