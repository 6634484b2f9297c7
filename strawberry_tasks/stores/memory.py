"""The store inside one process, for tests and for tasks that need no server."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..errors import StoreUnavailableError
from ..snapshot import Snapshot, from_fields, to_fields
from ..status import TaskStatus
from .base import (
    ALL_TOPIC,
    LIVE_TTL,
    Change,
    Changed,
    Claim,
    Confirmed,
    NewRun,
    Page,
    cursor_of,
    owner_topic,
    parse_cursor,
    run_topic,
)

_PRUNE_EVERY = 100
"""How many runs are created between two searches for expired ones."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class _Record:
    """What is kept of a run."""

    fields: dict[str, str]
    """As text, like in Redis: what comes out was never shared with what went in."""

    arguments: str
    expires: datetime

    @property
    def snapshot(self) -> Snapshot:
        return from_fields(self.fields)

    def change(self, **values: object) -> None:
        self.fields |= to_fields({"version": int(self.fields["version"]) + 1, **values})


class MemoryStore:
    """Keeps runs in this process, and loses them with it.

    Args:
        result_ttl: How long the record of a run is kept once it has ended.
        clock: Tells the time, UTC.
    """

    def __init__(self, *, result_ttl: timedelta, clock: Callable[[], datetime] = _now) -> None:
        self._result_ttl = result_ttl
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[str, _Record] = {}
        self._created = 0
        self._feeds: set[MemoryFeed] = set()

    def create(self, run: NewRun) -> Snapshot:
        """Record a run as PENDING; one of that id that is there already comes back as it is."""
        with self._lock:
            if record := self._find(run.id):
                return record.snapshot
            if self._created % _PRUNE_EVERY == 0:
                self._prune()
            now = self._clock()
            fields = to_fields(
                {
                    "id": run.id,
                    "name": run.name,
                    "queue": run.queue,
                    "status": TaskStatus.PENDING,
                    "version": 1,
                    "max_retries": run.max_retries,
                    "owner": run.owner,
                    "claims": run.claims,
                    "created_at": now,
                    "scheduled_for": None if run.delay is None else now + run.delay,
                }
            )
            self._created += 1
            expires = now + LIVE_TTL + (run.delay or timedelta())
            record = _Record(fields=fields, arguments=run.arguments, expires=expires)
            self._records[run.id] = record
            self._publish(record)
            return record.snapshot

    def discard(self, run_id: str) -> None:
        """Forget a run that no worker has claimed."""
        with self._lock:
            record = self._find(run_id)
            if record is None or record.snapshot.attempt or record.snapshot.status is not TaskStatus.PENDING:
                return
            del self._records[run_id]
            record.change()
            self._publish(record)

    def claim(self, run_id: str) -> Claim | None:
        """Start the next attempt of a run, unless it is gone or terminal."""
        with self._lock:
            record = self._find(run_id)
            if record is None or record.snapshot.is_terminal:
                return None
            now = self._clock()
            record.change(
                status=TaskStatus.RUNNING,
                attempt=record.snapshot.attempt + 1,
                progress=None,
                progress_current=None,
                progress_total=None,
                progress_message=None,
                failure=None,
                scheduled_for=None,
                started_at=now,
            )
            record.expires = now + LIVE_TTL
            self._publish(record)
            return Claim(snapshot=record.snapshot, arguments=record.arguments)

    def apply(self, changes: Sequence[Change]) -> list[int | None]:
        """Apply each change on its own, and return the new versions, ``None`` where refused."""
        # Encoded before the lock is taken and anything is changed: a value that cannot be encoded changes nothing.
        encoded = [to_fields(change.values) for change in changes]
        with self._lock:
            return [self._apply(change, fields) for change, fields in zip(changes, encoded, strict=True)]

    def _apply(self, change: Change, fields: Mapping[str, str]) -> int | None:
        record = self._find(change.run_id)
        if record is None:
            return None
        present = record.snapshot
        if present.attempt != change.attempt or present.status is not TaskStatus.RUNNING:
            repeated = present.attempt == change.attempt and fields.get("status") == present.status
            return present.version if repeated else None
        now = self._clock()
        record.fields |= fields
        status = record.snapshot.status
        times: dict[str, object] = {}
        if change.delay is not None:
            times["scheduled_for"] = now + change.delay
        if status.is_terminal:
            times |= {"completed_at": now, "expires_at": now + self._result_ttl}
        if status is TaskStatus.COMPLETED:
            times["progress"] = 100.0
        record.change(**times)
        record.expires = now + (self._result_ttl if status.is_terminal else LIVE_TTL + (change.delay or timedelta()))
        self._publish(record)
        return record.snapshot.version

    def read(self, run_ids: Sequence[str]) -> list[Snapshot | None]:
        """Return the present state of each run, ``None`` where there is none."""
        with self._lock:
            records = [self._find(run_id) for run_id in run_ids]
            return [None if record is None else record.snapshot for record in records]

    def list(self, *, owner: str | None, first: int, after: str | None = None) -> Page:
        """Return a page of runs, newest first."""
        cursor = None if after is None else parse_cursor(after)
        with self._lock:
            self._prune()
            matching = [record for record in self._newest_first(cursor) if owner in {None, record.fields["owner"]}]
            runs = [record.snapshot for record in matching[:first]]
        return Page(runs=runs, cursor=cursor_of(runs[-1]) if runs and len(matching) > len(runs) else None)

    def feed(self) -> MemoryFeed:
        """Make a feed; it connects when told to."""
        return MemoryFeed(self)

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""

    def add_feed(self, feed: MemoryFeed) -> None:
        """Tell a feed of every change from now on."""
        with self._lock:
            self._feeds.add(feed)

    def remove_feed(self, feed: MemoryFeed) -> None:
        """Stop telling a feed."""
        with self._lock:
            self._feeds.discard(feed)

    def _find(self, run_id: str) -> _Record | None:
        record = self._records.get(run_id)
        if record is not None and record.expires <= self._clock():
            del self._records[run_id]
            return None
        return record

    def _prune(self) -> None:
        now = self._clock()
        for run_id in [run_id for run_id, record in self._records.items() if record.expires <= now]:
            del self._records[run_id]

    def _newest_first(self, cursor: tuple[int, str] | None) -> Iterator[_Record]:
        records = reversed(self._records.values())
        if cursor is None:
            return records
        millis, run_id = cursor
        if run_id in self._records:
            return itertools.islice(itertools.dropwhile(lambda record: record.fields["id"] != run_id, records), 1, None)
        return (record for record in records if int(record.fields["created_at"]) < millis)

    def _publish(self, record: _Record) -> None:
        run = record.snapshot
        topics = [run_topic(run.id), ALL_TOPIC] + ([] if run.owner is None else [owner_topic(run.owner)])
        for feed in list(self._feeds):
            for topic in topics:
                if not feed.tell(Changed(topic=topic, run_id=run.id, version=run.version)):
                    self._feeds.discard(feed)


class MemoryFeed:
    """A link to a `MemoryStore` of the same process."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._topics: set[str] = set()
        self._events: asyncio.Queue[Confirmed | Changed | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def connect(self) -> None:
        """Open the link."""
        self._loop = asyncio.get_running_loop()
        self._store.add_feed(self)

    async def attach(self, *topics: str) -> None:
        """Ask for the changes of these topics."""
        self._topics |= set(topics)
        for topic in topics:
            self._events.put_nowait(Confirmed(topic))

    async def detach(self, *topics: str) -> None:
        """Stop asking for the changes of these topics."""
        self._topics -= set(topics)

    async def receive(self) -> Confirmed | Changed:
        """Wait for the next event."""
        event = None if self._loop is None else await self._events.get()
        if event is None:
            raise StoreUnavailableError("The feed of the memory store is closed.")
        return event

    async def read(self, run_ids: Sequence[str]) -> list[Snapshot | None]:
        """Return the present state of each run."""
        return self._store.read(run_ids)

    async def aclose(self) -> None:
        """Close the link."""
        self._store.remove_feed(self)
        self._loop = None
        self._events.put_nowait(None)

    def tell(self, event: Changed) -> bool:
        """Take a change, from any thread; return whether the feed's loop still lives."""
        loop = self._loop
        if loop is None:
            return False
        # A topic attached in this instant may miss the event: its confirmation still stands in the queue, and whoever
        # waits for that reads the state after it.
        if event.topic in self._topics:
            try:
                loop.call_soon_threadsafe(self._events.put_nowait, event)
            except RuntimeError:
                return False
        return True
