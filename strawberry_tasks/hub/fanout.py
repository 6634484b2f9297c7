"""Keeps one feed open, reads the runs that changed, and hands their states to the slots; lives on one event loop."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta

from ..errors import StoreUnavailableError, TaskUnreadableError
from ..outage import Outage
from ..snapshot import Snapshot
from ..stores.base import Confirmed, Feed
from ..stores.records import Reading
from .slots import Slot

logger = logging.getLogger(__name__)

BATCH = 200
"""How many runs are read in one round trip."""

FIRST_PAUSE = 0.05
"""Seconds before a lost link is opened again; doubles up to `LAST_PAUSE`."""

LAST_PAUSE = 1.0
"""The longest pause between two tries, in seconds."""

SWEEP_PAUSE = 0.5
"""Seconds between two sweeps."""

MAX_KNOWN = 10_000
"""Of how many runs a topic of many remembers what it has told."""

MAX_REREAD = 1000
"""How many unfinished runs of a topic of many are read again after the link was lost."""

_ANY_VERSION = float("inf")


class _Topic:
    """One topic: who listens, and what they have been told."""

    def __init__(self, name: str, run_id: str | None) -> None:
        self.name = name
        self.run_id = run_id
        """The run, where the topic is about one."""

        self.slots: set[Slot] = set()
        self.is_confirmed = False
        self._known: OrderedDict[str, tuple[int, bool]] = OrderedDict()

    def wants(self, run_id: str, version: float) -> bool:
        """Whether this version of a run has not been told yet."""
        return version > self._known.get(run_id, (0, False))[0]

    def remember(self, run_id: str, state: Snapshot | None) -> bool:
        """Note what is told now; return whether it is news."""
        if state is None:
            return self._known.pop(run_id, None) is not None
        version, ended = self._known.get(run_id, (0, False))
        self._known[run_id] = (max(version, state.version), ended or state.is_terminal)
        self._known.move_to_end(run_id)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return state.version > version or (state.is_terminal and not ended)

    def unfinished(self) -> Sequence[str]:
        """Return the runs that may have changed unnoticed."""
        if self.run_id is not None:
            return [] if self._known.get(self.run_id, (0, False))[1] else [self.run_id]
        return [run_id for run_id, (_, ended) in self._known.items() if not ended][-MAX_REREAD:]


class Fanout:
    """The fan-out on its event loop. Nothing in here may be touched from another thread.

    Args:
        open_feed: Makes a feed that is not connected yet.
        reread: How often the watched runs are read though nobody said that they changed.
        on_lost: Called with each slot whose subscriber's event loop is gone.
        sweep: Called every half second while the link is there; may block.
        find_absent: Called with a run that is watched, and that the store does not have; may block.
    """

    def __init__(
        self,
        open_feed: Callable[[], Feed],
        *,
        reread: timedelta,
        on_lost: Callable[[Slot], None],
        sweep: Callable[[], object],
        find_absent: Callable[[str], Snapshot | None],
    ) -> None:
        self._open_feed = open_feed
        self._find_absent = find_absent
        self._searches: set[asyncio.Task[None]] = set()
        self._sweep = sweep
        self._reread = reread.total_seconds()
        self._on_lost = on_lost
        self._topics: dict[str, _Topic] = {}
        self._changed_topics: set[str] = set()
        self._topics_signal = asyncio.Event()
        self._dirty: dict[str, dict[_Topic, float]] = {}
        self._dirty_signal = asyncio.Event()
        self._pause = FIRST_PAUSE
        self._outage = Outage(logger)

    def add(self, slot: Slot) -> None:
        """Serve a slot from now on; that of one run gets the present state first."""
        topic = self._topics.get(slot.topic)
        if topic is None:
            topic = self._topics[slot.topic] = _Topic(slot.topic, slot.run_id)
            self._note_topic(topic.name)
        topic.slots.add(slot)
        if topic.is_confirmed:
            slot.attached()
            if slot.run_id is not None:
                self._mark(slot.run_id, topic)

    def remove(self, slot: Slot) -> None:
        """Serve a slot no longer; harmless when it was removed before."""
        topic = self._topics.get(slot.topic)
        if topic is None:
            return
        topic.slots.discard(slot)
        if not topic.slots:
            del self._topics[topic.name]
            self._note_topic(topic.name)

    async def run(self) -> None:
        """Serve until cancelled, through every loss of the link."""
        while True:
            try:
                await self._follow(self._open_feed())
            except StoreUnavailableError as error:
                self._outage.note("The link to the store is lost, %d topics wait for it: %s", len(self._topics), error)
            except Exception:  # The hub's boundary: one defect must not silence every subscriber for good.
                logger.exception("The hub met an unexpected error and starts again.")
            for topic in self._topics.values():
                topic.is_confirmed = False
            await asyncio.sleep(self._pause * random.uniform(0.5, 1))  # noqa: S311 - spreads load, keeps no secret
            self._pause = min(self._pause * 2, LAST_PAUSE)

    async def _follow(self, feed: Feed) -> None:
        tasks: list[asyncio.Task[None]] = []
        try:
            await feed.connect()
            self._changed_topics = set(self._topics)
            self._topics_signal.set()
            steps = (
                self._receive(feed),
                self._attach(feed),
                self._read_dirty(feed),
                self._read_again(),
                self._sweep_again(),
            )
            tasks += map(asyncio.ensure_future, steps)
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            try:
                await end_tasks(*tasks)
            finally:
                await feed.aclose()

    async def _receive(self, feed: Feed) -> None:
        while True:
            event = await feed.receive()
            topic = self._topics.get(event.topic)
            if isinstance(event, Confirmed):
                self._pause = FIRST_PAUSE
                self._outage.end("There is a link to the store again.")
                if topic is not None:
                    self._confirm(topic)
            elif topic is not None and topic.wants(event.run_id, event.version):
                self._mark(event.run_id, topic, event.version)

    def _confirm(self, topic: _Topic) -> None:
        # At every confirmation, though the first one would do on a healthy link: a topic that was left and joined again in
        # quick succession is confirmed once for each time, and only the last one covers the gap between.
        topic.is_confirmed = True
        for slot in topic.slots:
            slot.attached()
        if topic.run_id is not None:
            self._mark(topic.run_id, topic)
        else:
            self._mark_unfinished(topic)

    async def _attach(self, feed: Feed) -> None:
        attached: set[str] = set()
        while True:
            await self._topics_signal.wait()
            self._topics_signal.clear()
            changed, self._changed_topics = self._changed_topics, set()
            gone = [name for name in changed if name not in self._topics and name in attached]
            # One that is attached, but was left and joined since, still needs a confirmation.
            new = [name for name in changed if name in self._topics and not self._topics[name].is_confirmed]
            if gone:
                await feed.detach(*gone)
            if new:
                await feed.attach(*new)
            attached = attached.difference(gone).union(new)

    async def _read_dirty(self, feed: Feed) -> None:
        while True:
            await self._dirty_signal.wait()
            self._dirty_signal.clear()
            while batch := self._take_dirty():
                # A failure loses the batch, but also the link, and whoever is attached again is read again.
                states = await feed.read(list(batch))
                for (run_id, topics), state in zip(batch.items(), states, strict=True):
                    if state is None:
                        search = asyncio.ensure_future(self._search(run_id, topics))
                        self._searches.add(search)
                        search.add_done_callback(self._searches.discard)
                    else:
                        self._tell_all(topics, run_id, state)

    async def _search(self, run_id: str, topics: Sequence[_Topic]) -> None:
        try:
            state = await asyncio.to_thread(self._find_absent, run_id)
        except TaskUnreadableError as error:
            self._tell_all(topics, run_id, error)
        except StoreUnavailableError as error:  # Nothing is known, so nothing is told; it is read again.
            logger.warning("Run %s could not be looked for: %s", run_id, error)
        except Exception:
            logger.exception("Run %s could not be looked for.", run_id)
        else:
            self._tell_all(topics, run_id, state)

    async def _read_again(self) -> None:
        while True:
            await asyncio.sleep(self._reread)
            for topic in list(self._topics.values()):
                for slot in [slot for slot in topic.slots if slot.signal.is_lost]:
                    self._lose(slot)
                if topic.is_confirmed and topic.run_id is not None:
                    self._mark_unfinished(topic)

    async def _sweep_again(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._sweep)
            except Exception:  # A defect in there must not take the link from those who watch.
                logger.exception("The store was not swept.")
            await asyncio.sleep(SWEEP_PAUSE)

    def _take_dirty(self) -> dict[str, list[_Topic]]:
        batch: dict[str, list[_Topic]] = {}
        while self._dirty and len(batch) < BATCH:
            run_id = next(iter(self._dirty))
            # What was read for another reason since the notice came needs no second reading.
            topics = [topic for topic, version in self._dirty.pop(run_id).items() if topic.wants(run_id, version)]
            if topics:
                batch[run_id] = topics
        return batch

    def _tell_all(self, topics: Sequence[_Topic], run_id: str, state: Reading) -> None:
        for topic in topics:
            if isinstance(state, TaskUnreadableError):
                self._refuse(topic, state)
            else:
                self._tell(topic, run_id, state)

    def _refuse(self, topic: _Topic, error: TaskUnreadableError) -> None:
        """Let those fail who watch this very run; whoever watches many goes on with the others."""
        if topic.run_id is None:
            return
        for slot in list(topic.slots):
            try:
                slot.fail(error)
            except RuntimeError:
                self._lose(slot)

    def _tell(self, topic: _Topic, run_id: str, state: Snapshot | None) -> None:
        is_news = topic.remember(run_id, state)
        # A run's topic tells in any case: a slot that has just joined knows nothing, and the others see that it is old.
        if not is_news and topic.run_id is None:
            return
        for slot in list(topic.slots):
            try:
                slot.offer(run_id, state)
            except RuntimeError:
                self._lose(slot)

    def _lose(self, slot: Slot) -> None:
        self.remove(slot)
        self._on_lost(slot)

    def _mark_unfinished(self, topic: _Topic) -> None:
        for run_id in topic.unfinished():
            self._mark(run_id, topic)

    def _mark(self, run_id: str, topic: _Topic, version: float = _ANY_VERSION) -> None:
        topics = self._dirty.setdefault(run_id, {})
        topics[topic] = max(version, topics.get(topic, 0))
        self._dirty_signal.set()

    def _note_topic(self, name: str) -> None:
        self._changed_topics.add(name)
        self._topics_signal.set()


async def end_tasks(*tasks: asyncio.Task[None], patience: float = 0.05) -> None:
    """Cancel tasks, again and again until they have ended.

    Args:
        tasks: What to end.
        patience: Seconds that they may take to clean up before they are cancelled again.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        # Python 3.11 swallows a cancellation that meets `asyncio.wait_for` in the moment it succeeds (python/cpython#86296),
        # and redis-py sends through that. The loop can go when 3.12 is the floor.
        _, pending = await asyncio.wait(pending, timeout=patience)
    await asyncio.gather(*tasks, return_exceptions=True)
