"""The live link to the store of the same process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from ..errors import StoreUnavailableError
from .base import Changed, Confirmed
from .records import Reading

Read = Callable[[Sequence[str]], list[Reading]]


class MemoryFeed:
    """A link to a `MemoryStore` of the same process.

    Args:
        feeds: The feeds that the store tells; this one stands among them while it is open.
        read: Reads the present states.
    """

    def __init__(self, feeds: MemoryFeeds, read: Read) -> None:
        self._feeds = feeds
        self._read = read
        self.topics: set[str] = set()
        """What is attached."""

        self._events: asyncio.Queue[Confirmed | Changed | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def connect(self) -> None:
        """Open the link."""
        self._loop = asyncio.get_running_loop()
        self._feeds.add(self)

    async def attach(self, *topics: str) -> None:
        """Ask for the changes of these topics."""
        self.topics |= set(topics)
        for topic in topics:
            self._events.put_nowait(Confirmed(topic))

    async def detach(self, *topics: str) -> None:
        """Stop asking for the changes of these topics."""
        self.topics -= set(topics)

    async def receive(self) -> Confirmed | Changed:
        """Wait for the next event."""
        event = None if self._loop is None else await self._events.get()
        if event is None:
            raise StoreUnavailableError("The feed of the memory store is closed.")
        return event

    async def read(self, run_ids: Sequence[str]) -> list[Reading]:
        """Return the present state of each run."""
        return self._read(run_ids)

    async def aclose(self) -> None:
        """Close the link."""
        self._feeds.discard(self)
        self._loop = None
        self._events.put_nowait(None)

    def tell(self, event: Changed) -> bool:
        """Take a change, from any thread; return whether the feed's loop still lives."""
        loop = self._loop
        if loop is None:
            return False
        # A topic attached in this instant may miss the event: its confirmation still stands in the queue, and whoever
        # waits for that reads the state after it.
        if event.topic in self.topics:
            try:
                loop.call_soon_threadsafe(self._events.put_nowait, event)
            except RuntimeError:
                return False
        return True


class MemoryFeeds:
    """The open feeds of one store."""

    def __init__(self) -> None:
        self._feeds: set[MemoryFeed] = set()

    def __iter__(self) -> Iterator[MemoryFeed]:
        return iter(list(self._feeds))

    def add(self, feed: MemoryFeed) -> None:
        """Tell a feed of every change from now on."""
        self._feeds.add(feed)

    def discard(self, feed: MemoryFeed) -> None:
        """Stop telling a feed."""
        self._feeds.discard(feed)

    def tell(self, topics: Sequence[str], run_id: str, version: int) -> None:
        """Tell whoever has attached one of these topics that a run has changed."""
        for feed in self:
            for topic in topics:
                if not feed.tell(Changed(topic=topic, run_id=run_id, version=version)):
                    self.discard(feed)
