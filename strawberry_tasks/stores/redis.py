"""The store in Redis or Valkey (6.2 or later): every change is one script, which also tells the feeds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from importlib.resources import files
from itertools import chain
from typing import Any, Final

from redis.exceptions import NoScriptError

from ..snapshot import Snapshot, from_fields, to_fields
from ..status import TaskStatus
from .base import LIVE_TTL, Change, Claim, NewRun, Page, cursor_of, parse_cursor
from .redis_connections import Command, Connections
from .redis_feed import RedisFeed
from .redis_link import client_name, redis_url
from .redis_record import FIELDS, snapshot_of

_LIVE_MS: Final = LIVE_TTL // timedelta(milliseconds=1)


class _Script:
    """One Lua script, called by its hash."""

    def __init__(self, name: str) -> None:
        here = files(__package__)
        self.text = "\n".join((here / f"{part}.lua").read_text(encoding="utf-8") for part in ("shared", name))
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def command(self, keys: Sequence[str], *arguments: str | int) -> Command:
        """Return the words of the call."""
        return ("EVALSHA", self.sha, len(keys), *keys, *arguments)


_CREATE, _CLAIM, _APPLY, _DISCARD, _LIST = map(_Script, ("create", "claim", "apply", "discard", "list"))


class RedisStore:
    """Keeps runs in Redis.

    Args:
        url: ``redis://…``, ``rediss://…``, ``unix://…``, ``valkey://…`` or ``valkeys://…``.
        namespace: The prefix of every key and channel.
        result_ttl: How long the record of a run is kept once it has ended.
    """

    def __init__(self, url: str, *, namespace: str, result_ttl: timedelta) -> None:
        self._url = redis_url(url)
        self._namespace = namespace
        self._prefix = f"{namespace}:"
        self._result_ms = result_ttl // timedelta(milliseconds=1)
        self._connections = Connections(self._url, client_name=client_name(namespace, "store"))

    def create(self, run: NewRun) -> Snapshot:
        """Record a run as PENDING; one of that id that is there already comes back as it is."""
        values: dict[str, Any] = {
            "id": run.id,
            "name": run.name,
            "queue": run.queue,
            "status": TaskStatus.PENDING,
            "version": 1,
            "max_retries": run.max_retries,
            "owner": run.owner,
            "claims": run.claims,
        }
        texts = to_fields(values)
        delay = _millis(run.delay)
        command = _CREATE.command(
            [self._key(run.id), self._index(None), *([self._index(run.owner)] if run.owner else [])],
            self._prefix,
            run.id,
            run.owner or "",
            max(_LIVE_MS, self._result_ms),
            delay,
            "arguments",
            run.arguments,
            *_flat(texts),
        )
        while True:
            times = self._call(_CREATE, command, repeatable=True)
            if times is not None:
                return from_fields({**texts, "created_at": times[0], "scheduled_for": times[1]})
            (present,) = self.read([run.id])
            if present is not None:
                return present

    def discard(self, run_id: str) -> None:
        """Forget a run that no worker has claimed."""
        command = _DISCARD.command([self._key(run_id)], self._prefix, run_id)
        self._call(_DISCARD, command, repeatable=True)

    def claim(self, run_id: str) -> Claim | None:
        """Start the next attempt of a run, unless it is gone or terminal."""
        command = _CLAIM.command([self._key(run_id)], self._prefix, run_id, _LIVE_MS)
        record = self._call(_CLAIM, command)
        if record is None:
            return None
        texts = dict(zip(record[::2], record[1::2], strict=True))
        return Claim(snapshot=from_fields(texts), arguments=texts["arguments"])

    def apply(self, changes: Sequence[Change]) -> list[int | None]:
        """Apply each change on its own, and return the new versions, ``None`` where refused."""
        commands = [self._change(change) for change in changes]
        # Repeatable: progress is the same when written twice, and the end of an attempt says that it was there.
        answers = self._connections.exchange(commands, repeatable=True)
        for position, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):
                answers[position] = self._call(_APPLY, commands[position], repeatable=True)
            elif isinstance(answer, Exception):
                raise answer
        return answers

    def read(self, run_ids: Sequence[str]) -> list[Snapshot | None]:
        """Return the present state of each run, ``None`` where there is none."""
        rows = self._connections.exchange(
            [("HMGET", self._key(run_id), *FIELDS) for run_id in run_ids], repeatable=True
        )
        return [snapshot_of(row) for row in rows]

    def list(self, *, owner: str | None, first: int, after: str | None = None) -> Page:
        """Return a page of runs, newest first."""
        millis, run_id = ("", "") if after is None else parse_cursor(after)
        command = _LIST.command([self._index(owner)], self._prefix, first, millis, run_id, *FIELDS)
        while True:
            has_more, *rows = self._call(_LIST, command, repeatable=True)
            runs = [run for row in rows if (run := snapshot_of(row))]
            if runs or not has_more:
                return Page(runs=runs, cursor=cursor_of(runs[-1]) if has_more else None)

    def feed(self) -> RedisFeed:
        """Make a feed; it connects when told to."""
        return RedisFeed(self._url, namespace=self._namespace, key=self._key)

    def close(self) -> None:
        """Give back connections; the store can be used again and reconnects."""
        self._connections.close()

    def _change(self, change: Change) -> Command:
        status = change.values.get("status")
        ends = status is not None and TaskStatus(status).is_terminal
        return _APPLY.command(
            [self._key(change.run_id)],
            self._prefix,
            change.run_id,
            change.attempt,
            status or "",
            _millis(change.delay),
            self._result_ms if ends else _LIVE_MS,
            *_flat(to_fields(change.values)),
        )

    def _call(self, script: _Script, command: Command, *, repeatable: bool = False) -> Any:
        (answer,) = self._connections.exchange([command], repeatable=repeatable)
        if isinstance(answer, NoScriptError):
            (_, answer) = self._connections.exchange([("SCRIPT", "LOAD", script.text), command], repeatable=repeatable)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _key(self, run_id: str) -> str:
        return f"{self._prefix}run:{run_id}"

    def _index(self, owner: str | None) -> str:
        return f"{self._prefix}runs" if owner is None else f"{self._prefix}owner:{owner}"


def _flat(texts: Mapping[str, str]) -> Iterable[str]:
    return chain.from_iterable(texts.items())


def _millis(duration: timedelta | None) -> int | str:
    return "" if duration is None else max(0, duration // timedelta(milliseconds=1))
