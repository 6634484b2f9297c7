"""How many subscriptions each viewer has in this process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable

from ..errors import TooManySubscriptionsError


class Places:
    """Counts the subscriptions of each viewer.

    Args:
        most: How many each may have.

    Attributes:
        taken: How many each has.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self.taken: Counter[Hashable] = Counter()

    def take(self, who: Hashable) -> Place:
        """Take a place for a viewer.

        Raises:
            TooManySubscriptionsError: If there is none left.
        """
        with self._lock:
            if self.taken[who] >= self._most:
                raise TooManySubscriptionsError(self._most)
            self.taken[who] += 1
        return Place(self, who)

    def give(self, who: Hashable) -> None:
        """Give a place back."""
        with self._lock:
            self.taken[who] -= 1
            if not self.taken[who]:
                del self.taken[who]


class Place:
    """One of a viewer's places. It is free when it is closed, or forgotten: a stream that nobody begins to read does not end."""

    __slots__ = ("_places", "_who")

    def __init__(self, places: Places, who: Hashable) -> None:
        self._places: Places | None = places
        self._who = who

    def close(self) -> None:
        """Give it back; harmless when it was before."""
        places, self._places = self._places, None
        if places is not None:
            places.give(self._who)

    __del__ = close
