"""The store in Redis or Valkey (6.2 or later): every change is one script, which also tells the feeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any, Final

from redis.exceptions import NoScriptError

from ..errors import AlreadyFiredError, TaskUnreadableError
from ..snapshot import RESULT, Snapshot, from_millis, result_of, to_fields, to_millis
from ..status import TaskStatus
from .base import (
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
)
from .convoy import Convoy, Exchange
from .cursors import parse_cursor
from .records import Reading, UnreadableLog, legible, present
from .redis_connections import Connections, Server, checked
from .redis_feed import RedisFeed
from .redis_link import client_name, redis_url
from .redis_record import FIELDS, RECORD, answered, listed, reading, record_in, record_of, small_failure
from .redis_script import Call, Script, load_script

MAX_PURGED: Final = 1000
"""How many expired runs a sweep takes out of the indexes at a time; it holds the server up for some milliseconds."""

_SCHEDULES_MS: Final = timedelta(days=400) // timedelta(milliseconds=1)
"""How long schedules are remembered that no scheduler asks for."""

_LIVE_MS: Final = LIVE_TTL // timedelta(milliseconds=1)


def _load(name: str) -> Script:
    return load_script(str(__package__), "shared", name)


_CREATE, _CLAIM, _APPLY, _DISCARD, _LIST, _FORGET = map(
    _load, ("create", "claim", "apply", "discard", "list", "forget")
)
_RENEW, _SWEEP, _CANCEL, _WAITING = map(_load, ("renew", "sweep", "cancel", "waiting"))
_SCHEDULES, _PAUSE = map(_load, ("schedules", "pause"))
_LEASES: Final = (Lease.LOST, Lease.HELD, Lease.CANCELED)
_LOST: Final = to_fields({"failure": WORKER_LOST})["failure"]
_LATE: Final = to_fields({"failure": EXPIRED})["failure"]


class RedisStore:
    """Keeps runs in Redis.

    Args:
        url: ``redis://…``, ``rediss://…``, ``unix://…``, ``valkey://…`` or ``valkeys://…``.
        namespace: The prefix of every key and channel.
        result_ttl: How long the record of a run is kept once it has ended.
        lease: How long an attempt lives that is not renewed.
    """

    def __init__(self, url: str, *, namespace: str, result_ttl: timedelta, lease: timedelta = LEASE) -> None:
        self._url = redis_url(url)
        self._namespace = namespace
        self._prefix = f"{namespace}:"
        self._result_ms = result_ttl // timedelta(milliseconds=1)
        self._lease_ms = lease // timedelta(milliseconds=1)
        self._connections = Connections(self._url, client_name=client_name(namespace, "store"))
        self._unreadable = UnreadableLog()
        self._convoy = Convoy(self._connections)
        # A renewal that first had to connect, over a slow network, could come too late.
        self._renewals = Connections(self._url, client_name=client_name(namespace, "leases"))

    @property
    def server(self) -> Server:
        """Where it keeps the runs."""
        return self._connections.server

    def create(self, run: NewRun) -> Snapshot:
        """Record a run as PENDING; one of that id that is there already comes back as it is."""
        call = self.creation(run)
        while True:
            answer = self._call(call, repeatable=True)
            if answer is not None:
                return self.created(run, answer)
            standing = self.standing(run)
            if standing is not None:
                return standing
            if run.fire is not None:
                raise AlreadyFiredError

    def standing(self, run: NewRun) -> Snapshot | None:
        """Return the run that stands in the way of another one: of its id, or the live one of its key."""
        standing = self._present(run.id)
        if standing is not None or run.key is None:
            return standing
        (holder,) = checked(self._connections.exchange([("GET", self._holder(run))], repeatable=True))
        standing = None if holder is None else self._present(holder)
        if standing is None or standing.is_terminal or (standing.name, standing.key) != (run.name, run.key):
            return None
        return standing

    def creation(self, run: NewRun) -> Call:
        """Return the call that records a run; it may be joined with another. It answers nothing if `standing` tells why."""
        return _CREATE.call(
            [self._key(run.id), self._index(None), *([self._index(run.owner)] if run.owner else [])],
            self._prefix,
            run.id,
            run.owner or "",
            max(_LIVE_MS, self._result_ms),
            _millis(run.delay),
            _millis(run.expires),
            self._holder(run) if run.key else "",
            run.fire.schedule if run.fire else "",
            to_millis(run.fire.at) if run.fire else "",
            "arguments",
            run.arguments,
            *(("limit_group", run.limit.group, "limit", run.limit.most) if run.limit else ()),
            *_flat(to_fields({name: value for name, value in _new_values(run).items() if value})),
        )

    def created(self, run: NewRun, answer: Sequence[str]) -> Snapshot:
        """Return the run as `creation` has recorded it."""
        created_at, scheduled_for, start_by = (from_millis(int(millis)) if millis else None for millis in answer)
        return Snapshot(**_new_values(run), created_at=created_at, scheduled_for=scheduled_for, start_by=start_by)

    def discard(self, run_id: str) -> Snapshot | None:
        """Forget a run that no worker has claimed; any other comes back."""
        is_forgotten = self._call(_DISCARD.call([self._key(run_id)], self._prefix, run_id), repeatable=True)
        return None if is_forgotten else self._present(run_id)

    def claim(self, run_id: str, *, token: str = "") -> Claim | Busy | None:
        """Start the next attempt of a run, unless it is gone, terminal, or leased to another attempt."""
        call = _CLAIM.call(
            [self._key(run_id)], self._prefix, run_id, token, self._lease_ms, _LIVE_MS, self._result_ms, _LOST, _LATE
        )
        # Workers begin many attempts at once.
        answer = self._call(call, exchange=self._convoy.exchange) if token else self._call(call)
        if answer is None:
            return None
        if isinstance(answer, int):
            return Busy(timedelta(milliseconds=answer))
        try:
            return Claim(*record_of(_paired(answer), run_id))
        except TaskUnreadableError as error:
            self._unreadable.note(error)
            self._give_back(error)
            raise

    def renew(self, attempts: Sequence[AttemptId]) -> list[Lease]:
        """Lease attempts anew, and tell what became of each."""
        pairs = [text for attempt in attempts for text in attempt]
        call = _RENEW.call([f"{self._prefix}leases"], self._prefix, self._lease_ms, _LIVE_MS, *pairs)
        exchange = partial(self._renewals.exchange, repeatable=True)
        return [_LEASES[answer] for answer in self._call(call, exchange=exchange)] if attempts else []

    def sweep(self) -> list[Record]:
        """Take runs from attempts whose lease has lapsed, and return those that have ended by it."""
        call = _SWEEP.call(
            [f"{self._prefix}leases", f"{self._prefix}expiring"],
            self._prefix,
            self._lease_ms,
            _LIVE_MS,
            self._result_ms,
            _LOST,
            _LATE,
            MAX_SWEPT,
            MAX_PURGED,
        )
        ended: list[Record] = []
        has_more = 1
        while has_more:
            has_more, *records = self._call(call)
            ended += self._readable(records)
        return ended

    def waiting(self, run_id: str) -> list[Waiting]:
        """Return the runs that may start now that this one has ended."""
        words = self._call(_WAITING.call([self._key(run_id)], self._prefix, run_id), repeatable=True)
        return [Waiting(*pair) for pair in zip(words[::2], words[1::2], strict=True)]

    def cancel(self, run_id: str) -> Record | None:
        """Ask for a run to stop, and return it as it is now; ``None`` if there is no such run."""
        call = _CANCEL.call([self._key(run_id)], self._prefix, run_id, self._result_ms, *RECORD)
        return record_in(run_id, self._call(call, repeatable=True))

    def apply(self, changes: Sequence[Change]) -> list[int | None]:
        """Apply each change on its own, and return the new versions, ``None`` where refused."""
        calls = [self.change(change) for change in changes]
        # Repeatable: progress is the same when written twice, and the end of an attempt says that it was there.
        answers = self._connections.exchange([call.command for call in calls], repeatable=True)
        for position, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):
                answers[position] = self._call(calls[position], repeatable=True)
        return checked(answers)

    def probe(self) -> None:
        """Write something that is soon gone."""
        checked(self._connections.exchange([("SET", f"{self._prefix}probe", "", "PX", 1000)], repeatable=True))

    def read(self, run_ids: Sequence[str]) -> list[Reading]:
        """Return the present state of each run, ``None`` where there is none, an error where it cannot be read."""
        rows = self._connections.exchange(
            [("HMGET", self._key(run_id), *FIELDS) for run_id in run_ids], repeatable=True
        )
        return [self._noted(reading(run_id, row)) for run_id, row in zip(run_ids, rows, strict=True)]

    def result(self, run_id: str) -> str | None:
        """Return what a run has returned, as JSON text."""
        (answer,) = self._connections.exchange([("HGET", self._key(run_id), RESULT)], repeatable=True)
        return result_of(answered(run_id, answer))

    def load(self, run_id: str) -> Record | None:
        """Return a run with its arguments, ``None`` if there is no such run."""
        (row,) = self._connections.exchange([("HMGET", self._key(run_id), *RECORD)], repeatable=True)
        return record_in(run_id, row)

    def list(self, *, owner: str | None, first: int, after: str | None = None) -> Page:
        """Return a page of runs, newest first."""
        millis, run_id = ("", "") if after is None else parse_cursor(after)
        call = _LIST.call([self._index(owner)], self._prefix, first, millis, run_id, *FIELDS)
        while True:
            has_more, *rows = self._call(call, repeatable=True)
            entries = [listed(row) for row in rows]
            runs = legible(self._noted(entry.reading) for entry in entries)
            damaged = [entry.reading for entry in entries if isinstance(entry.reading, TaskUnreadableError)]
            if entries or not has_more:
                return Page(runs=runs, cursor=entries[-1].cursor if has_more else None, unreadable=damaged)

    def forget(self, run_id: str) -> bool:
        """Remove a record, whatever it is, and all that it holds; return whether there was one."""
        return bool(self._call(_FORGET.call([self._key(run_id)], self._prefix, run_id), repeatable=True))

    def schedules(self, names: Sequence[str]) -> tuple[datetime, Sequence[ScheduleState]]:
        """Return the server's time, and what is known of schedules."""
        keys = [f"{self._prefix}schedules", f"{self._prefix}paused"]
        now, *rest = self._call(_SCHEDULES.call(keys, _SCHEDULES_MS, self._prefix, *names), repeatable=True)
        states = zip(rest[::2], rest[1::2], strict=True)
        return from_millis(int(now)), [ScheduleState(from_millis(int(last)), bool(paused)) for last, paused in states]

    def pause(self, schedule: str, *, paused: bool) -> None:
        """Keep a schedule from firing, or let it fire again."""
        keys = [f"{self._prefix}paused", f"{self._prefix}schedules"]
        call = _PAUSE.call(keys, schedule, "1" if paused else "", _SCHEDULES_MS, self._prefix)
        self._call(call, repeatable=True)

    def feed(self) -> RedisFeed:
        """Make a feed; it connects when told to."""
        return RedisFeed(self._url, namespace=self._namespace, key=self._key, unreadable=self._unreadable)

    def close(self) -> None:
        """Give back connections; the store can be used again and reconnects."""
        self._connections.close()
        self._renewals.close()

    def change(self, change: Change) -> Call:
        """Return the call that applies a change; it may be joined with another. It answers nothing if it is refused."""
        status = change.values.get("status")
        ends = status is not None and TaskStatus(status).is_terminal
        texts = to_fields(change.values)
        return _APPLY.call(
            [self._key(change.run_id)],
            self._prefix,
            change.run_id,
            change.attempt,
            status or "",
            _millis(change.delay),
            self._result_ms if ends else _LIVE_MS,
            small_failure(change.values, texts),
            *_flat(texts),
        )

    def _call(self, call: Call, *, repeatable: bool = False, exchange: Exchange | None = None) -> Any:
        exchange = exchange or partial(self._connections.exchange, repeatable=repeatable)
        (answer,) = exchange([call.command])
        if isinstance(answer, NoScriptError):
            load = ("SCRIPT", "LOAD", call.script.text)
            (_, answer) = exchange([load, call.command])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _present(self, run_id: str) -> Snapshot | None:
        return present(self.read([run_id])[0])

    def _give_back(self, error: TaskUnreadableError) -> None:
        """End an attempt that was claimed, of a run that cannot be performed here; it uses up no retry."""
        run = error.legible
        if run is not None and run.attempt:
            values = {"status": TaskStatus.RETRYING, "given_back": run.given_back + 1}
            self.apply([Change(run_id=run.id, attempt=run.attempt, values=values, delay=timedelta())])

    def _noted(self, reading: Reading) -> Reading:
        self._unreadable.note(reading)
        return reading

    def _readable(self, records: Iterable[Sequence[str]]) -> Iterator[Record]:
        for words in records:
            try:
                yield record_of(_paired(words))
            except TaskUnreadableError as error:
                self._unreadable.note(error)

    def _key(self, run_id: str) -> str:
        return f"{self._prefix}run:{run_id}"

    def _holder(self, run: NewRun) -> str:
        return f"{self._prefix}key:{run.name}:{run.key}"

    def _index(self, owner: str | None) -> str:
        return f"{self._prefix}runs" if owner is None else f"{self._prefix}owner:{owner}"


def _new_values(run: NewRun) -> dict[str, Any]:
    return {
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
        "tags": tuple(run.tags),
        "priority": run.priority,
    }


def _paired(words: Sequence[str]) -> Mapping[str, str]:
    return dict(zip(words[::2], words[1::2], strict=True))


def _flat(texts: Mapping[str, str]) -> Iterable[str]:
    return chain.from_iterable(texts.items())


def _millis(duration: timedelta | None) -> int | str:
    return "" if duration is None else max(0, duration // timedelta(milliseconds=1))
