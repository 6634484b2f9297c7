"""The store inside one process, for tests and for tasks that need no server."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ..errors import AlreadyFiredError, TaskUnreadableError
from ..snapshot import RESULT, Snapshot, result_of, to_fields, to_millis
from ..status import TaskStatus
from .base import (
    ALL_TOPIC,
    CANCEL_TOPIC,
    EXPIRED,
    LEASE,
    LIVE_TTL,
    MAX_SWEPT,
    WORKER_LOST,
    AttemptId,
    Busy,
    Change,
    Claim,
    Lease,
    NewRun,
    Page,
    Record,
    ScheduleState,
    Waiting,
    owner_topic,
    run_topic,
)
from .cursors import cursor_at, parse_cursor
from .memory_feed import MemoryFeed, MemoryFeeds
from .memory_record import MemoryRecord
from .memory_schedules import MemorySchedules
from .records import Reading, UnreadableLog, legible

WAIT = timedelta(seconds=1)
"""When a run tries again that waits for another one to end, and was not told."""

_PRUNE_EVERY = 100
"""How many runs are created between two searches for expired ones."""


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryStore:
    """Keeps runs in this process, and loses them with it.

    Args:
        result_ttl: How long the record of a run is kept once it has ended.
        lease: How long an attempt lives that is not renewed.
        clock: Tells the time, UTC.
    """

    def __init__(
        self, *, result_ttl: timedelta, lease: timedelta = LEASE, clock: Callable[[], datetime] = _now
    ) -> None:
        self._result_ttl = result_ttl
        self._lease = lease
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[str, MemoryRecord] = {}
        self._created = 0
        self._places = itertools.count(1)
        self._heard: datetime | None = None
        self._grace_end: datetime | None = None
        self._feeds = MemoryFeeds()
        self._schedules = MemorySchedules(clock)
        self._unreadable = UnreadableLog()

    def standing(self, run: NewRun) -> Snapshot | None:
        """Return the run that stands in the way of another one: of its id, or the live one of its key."""
        with self._lock:
            record = self._find(run.id) or self._find_live(run.name, run.key)
            return None if record is None else record.snapshot

    def create(self, run: NewRun) -> Snapshot:
        """Record a run as PENDING; one of that id that is there already comes back as it is."""
        with self._lock:
            record = self._find(run.id)
            has_fired = record is None and run.fire is not None and not self._schedules.fire(run.fire)
            if record := record or self._find_live(run.name, run.key):
                return record.snapshot
            if has_fired:
                raise AlreadyFiredError
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
                    "retry_of": run.retry_of,
                    "key": run.key,
                    "tags": run.tags,
                    "priority": run.priority,
                    "start_by": None if run.expires is None else now + run.expires,
                    "created_at": now,
                    "scheduled_for": None if run.delay is None else now + run.delay,
                }
            )
            self._created += 1
            expires = now + LIVE_TTL + max(run.delay or timedelta(), run.expires or timedelta())
            record = MemoryRecord(id=run.id, fields=fields, arguments=run.arguments, expires=expires, limit=run.limit)
            self._records[run.id] = record
            self._publish(record)
            return record.snapshot

    def discard(self, run_id: str) -> Snapshot | None:
        """Forget a run that no worker has claimed; any other comes back."""
        with self._lock:
            record = self._find(run_id)
            if record is None:
                return None
            if record.snapshot.attempt or record.snapshot.status is not TaskStatus.PENDING:
                return record.snapshot
            del self._records[run_id]
            record.change()
            self._publish(record)
            return None

    def claim(self, run_id: str, *, token: str = "") -> Claim | Busy | None:
        """Start the next attempt of a run, unless it is gone, terminal, or leased to another attempt."""
        with self._lock:
            record = self._find(run_id)
            if record is None or record.snapshot.is_terminal:
                return None
            now = self._clock()
            if record.lapses is not None:
                if token and token == record.token:
                    record.lapses = now + self._lease
                    return Claim(snapshot=record.snapshot, arguments=record.arguments)
                lapses = record.lapses if record.lapses > now else self._pulse(now)
                if lapses > now:
                    return Busy(lapses - now)
                if (ended := self._lose(record, now)).is_terminal:
                    return Claim(snapshot=ended, arguments=record.arguments)
            if record.is_late(now):
                return Claim(snapshot=self._expire(record, now), arguments=record.arguments)
            if record.limit is not None and len(self._running(record.limit.group)) >= record.limit.most:
                record.waits = record.waits or next(self._places)
                return Busy(WAIT)
            record.waits = 0
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
            record.expires, record.lapses, record.token = now + LIVE_TTL, now + self._lease, token
            self._publish(record)
            return Claim(snapshot=record.snapshot, arguments=record.arguments)

    def renew(self, attempts: Sequence[AttemptId]) -> list[Lease]:
        """Lease attempts anew, and tell what became of each."""
        with self._lock:
            now = self._clock()
            self._pulse(now)
            return [self._renew(attempt, now) for attempt in attempts]

    def sweep(self) -> list[Record]:
        """Take runs from attempts whose lease has lapsed, and return those that have ended by it."""
        with self._lock:
            now = self._clock()
            late = [record for record in self._records.values() if record.is_late(now)][:MAX_SWEPT]
            records = [Record(self._expire(record, now), record.arguments) for record in late]
            if self._pulse(now) <= now:
                lapsed = (record for record in self._records.values() if self._is_lapsed(record, now))
                taken = list(itertools.islice(lapsed, MAX_SWEPT))
                records += [Record(self._lose(record, now), record.arguments) for record in taken]
        return [record for record in records if record.snapshot.is_terminal]

    def waiting(self, run_id: str) -> list[Waiting]:
        """Return the runs that may start now that this one has ended."""
        with self._lock:
            ended = self._find(run_id)
            if ended is None or ended.limit is None:
                return []
            group, most = ended.limit
            line = [record for record in self._records.values() if record.waits and record.is_live]
            line = sorted((record for record in line if record.limit == ended.limit), key=lambda record: record.waits)
            first = line[: max(0, most - len(self._running(group)))]
            return [Waiting(record.id, record.snapshot.queue) for record in first]

    def cancel(self, run_id: str) -> Record | None:
        """Ask for a run to stop, and return it as it is now; ``None`` if there is no such run."""
        with self._lock:
            record = self._find(run_id)
            if record is None:
                return None
            run = record.snapshot
            if run.status is TaskStatus.RUNNING:
                if not run.cancel_requested:
                    record.change(cancel_requested=True)
                    self._publish(record)
                self._feeds.tell([CANCEL_TOPIC], run.id, record.snapshot.version)
            elif not run.is_terminal:
                now = self._clock()
                record.end(now, self._result_ttl, status=TaskStatus.CANCELED, cancel_requested=True, failure=None)
                self._publish(record)
            return Record(record.snapshot, record.arguments)

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
        present = record.reading
        if not isinstance(present, Snapshot) or present.attempt != change.attempt or record.lost == change.attempt:
            return None
        if present.status is not TaskStatus.RUNNING:
            return present.version if fields.get("status") == present.status else None
        status = TaskStatus(fields.get("status", present.status))
        if status is TaskStatus.RETRYING and present.cancel_requested:
            return None
        now = self._clock()
        record.fields |= fields
        if status.is_terminal:
            record.end(now, self._result_ttl, **({"progress": 100.0} if status is TaskStatus.COMPLETED else {}))
        else:
            record.change(**({} if change.delay is None else {"scheduled_for": now + change.delay}))
            record.expires = now + LIVE_TTL + (change.delay or timedelta())
            record.lapses = record.lapses if status is TaskStatus.RUNNING else None
        self._publish(record)
        return record.snapshot.version

    def probe(self) -> None:
        """Say that it takes writes."""

    def read(self, run_ids: Sequence[str]) -> list[Reading]:
        """Return the present state of each run, ``None`` where there is none, an error where it cannot be read."""
        with self._lock:
            records = [self._find(run_id) for run_id in run_ids]
            readings = [None if record is None else record.reading for record in records]
        self._noted(readings)
        return readings

    def result(self, run_id: str) -> str | None:
        """Return what a run has returned, as JSON text."""
        with self._lock:
            record = self._find(run_id)
            return None if record is None else result_of(record.fields.get(RESULT))

    def load(self, run_id: str) -> Record | None:
        """Return a run with its arguments, ``None`` if there is no such run."""
        with self._lock:
            record = self._find(run_id)
            return None if record is None else Record(record.snapshot, record.arguments)

    def list(self, *, owner: str | None, first: int, after: str | None = None) -> Page:
        """Return a page of runs, newest first."""
        seen = None if after is None else parse_cursor(after)
        with self._lock:
            self._prune()
            matching = [record for record in self._newest_first(seen) if owner in {None, record.fields.get("owner")}]
            page = matching[:first]
            readings = self._noted([record.reading for record in page])
            cursor = cursor_at(_created(page[-1]), page[-1].id) if page and len(matching) > len(page) else None
        damaged = [reading for reading in readings if isinstance(reading, TaskUnreadableError)]
        return Page(runs=legible(readings), cursor=cursor, unreadable=damaged)

    def forget(self, run_id: str) -> bool:
        """Remove a record, and return whether there was one."""
        with self._lock:
            record = self._records.pop(run_id, None)
            if record is None:
                return False
            owner = record.fields.get("owner")
            topics = [run_topic(run_id), ALL_TOPIC] + ([owner_topic(owner)] if owner else [])
            self._feeds.tell(topics, run_id, sys.maxsize)
            return True

    def schedules(self, names: Sequence[str]) -> tuple[datetime, Sequence[ScheduleState]]:
        """Return the time, and what is known of schedules."""
        with self._lock:
            return self._schedules.states(names)

    def pause(self, schedule: str, *, paused: bool) -> None:
        """Keep a schedule from firing, or let it fire again."""
        with self._lock:
            self._schedules.pause(schedule, paused=paused)

    def feed(self) -> MemoryFeed:
        """Make a feed; it connects when told to."""
        return MemoryFeed(self._feeds, self.read)

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""

    def _running(self, group: str) -> Sequence[MemoryRecord]:
        limited = (record for record in self._records.values() if record.limit and record.limit.group == group)
        return [record for record in limited if record.lapses is not None]

    def _renew(self, attempt: AttemptId, now: datetime) -> Lease:
        record = self._find(attempt.run_id)
        run = None if record is None else record.reading
        if record is None or not isinstance(run, Snapshot) or record.lapses is None or run.attempt != attempt.attempt:
            return Lease.LOST
        record.lapses, record.expires = now + self._lease, now + LIVE_TTL
        return Lease.CANCELED if run.cancel_requested else Lease.HELD

    def _pulse(self, now: datetime) -> datetime:
        """Return until when no attempt counts as lost: for one lease more when nobody was heard of for longer than one.

        If nobody was heard of since such a grace began, it is not begun anew: a lone worker would wait for ever.
        """
        heard = self._heard
        if heard is not None and now - heard > self._lease and (self._grace_end is None or heard >= self._grace_end):
            self._grace_end = now + self._lease
        self._heard = now
        return self._grace_end or now

    def _lose(self, record: MemoryRecord, now: datetime) -> Snapshot:
        run = record.snapshot
        record.lost, record.lapses = run.attempt, None
        if run.cancel_requested:
            record.end(now, self._result_ttl, status=TaskStatus.CANCELED)
        elif run.has_retry:
            record.change(status=TaskStatus.RETRYING, failure=WORKER_LOST, scheduled_for=now)
            record.expires = now + LIVE_TTL
        else:
            record.end(now, self._result_ttl, status=TaskStatus.FAILED, failure=WORKER_LOST)
        self._publish(record)
        return record.snapshot

    def _expire(self, record: MemoryRecord, now: datetime) -> Snapshot:
        record.end(now, self._result_ttl, status=TaskStatus.FAILED, failure=EXPIRED)
        self._publish(record)
        return record.snapshot

    def _find_live(self, name: str, key: str | None) -> MemoryRecord | None:
        if key is None:
            return None
        texts = {"name": name, "key": key}
        holders = [record for record in self._records.values() if texts.items() <= record.fields.items()]
        return next((record for record in holders if self._find(record.id) and record.is_live), None)

    def _find(self, run_id: str) -> MemoryRecord | None:
        record = self._records.get(run_id)
        if record is not None and record.expires <= self._clock():
            del self._records[run_id]
            return None
        return record

    def _prune(self) -> None:
        now = self._clock()
        for run_id in [run_id for run_id, record in self._records.items() if record.expires <= now]:
            del self._records[run_id]

    def _newest_first(self, cursor: tuple[int, str] | None) -> Iterator[MemoryRecord]:
        records = reversed(self._records.values())
        if cursor is None:
            return records
        millis, run_id = cursor
        if run_id in self._records:
            return itertools.islice(itertools.dropwhile(lambda record: record.id != run_id, records), 1, None)
        return (record for record in records if _created(record) < millis)

    def _is_lapsed(self, record: MemoryRecord, now: datetime) -> bool:
        return record.lapses is not None and record.lapses <= now and record.is_live

    def _noted(self, readings: Sequence[Reading]) -> Sequence[Reading]:
        for reading in readings:
            self._unreadable.note(reading)
        return readings

    def _publish(self, record: MemoryRecord) -> None:
        run = record.snapshot
        topics = [run_topic(run.id), ALL_TOPIC] + ([] if run.owner is None else [owner_topic(run.owner)])
        self._feeds.tell(topics, run.id, run.version)


def _created(record: MemoryRecord) -> int:
    run = record.reading
    return to_millis(run.created_at) if isinstance(run, Snapshot) and run.created_at else 0
