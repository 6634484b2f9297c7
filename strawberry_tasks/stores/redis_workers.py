"""Which workers there are, in Redis: {namespace}:worker:{id}, JSON, and their ids in {namespace}:workers, a set."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any, Final

from ..errors import StoreUnavailableError
from .redis_connections import Command, Connections, checked
from .redis_link import WrongTypeError, client_name, redis_url
from .redis_script import load_script
from .workers import WorkerInfo, in_order

_NOTE: Final = load_script(str(__package__), "note")


class RedisRoll:
    """Keeps the reports in Redis.

    Args:
        url: As the store's.
        namespace: The prefix of every key.
        ttl: How long each is kept.
    """

    def __init__(self, url: str, *, namespace: str, ttl: timedelta) -> None:
        self._index, self._prefix = f"{namespace}:workers", f"{namespace}:worker:"
        self._ttl = max(1, ttl // timedelta(milliseconds=1))
        self._connections = Connections(redis_url(url), client_name=client_name(namespace, "workers"))

    def note(self, worker: WorkerInfo) -> None:
        """Keep a report in the place of the one before."""
        report = json.dumps({**asdict(worker), "started_at": worker.started_at.isoformat()})
        self._exchange(("EVAL", _NOTE.text, 2, self._prefix + worker.id, self._index, worker.id, report, self._ttl))

    def forget(self, worker_id: str) -> None:
        """Drop the report of a worker that ends."""
        self._exchange(("DEL", self._prefix + worker_id), ("SREM", self._index, worker_id))

    def read(self) -> list[WorkerInfo]:
        """Return the workers that are there, in the order of their start."""
        (ids,) = self._connections.exchange([("SMEMBERS", self._index)], repeatable=True)
        if not ids or isinstance(ids, WrongTypeError):
            # The next report takes the place of what was put there.
            return []
        checked([ids])
        (reports,) = self._exchange(("MGET", *(self._prefix + worker_id for worker_id in ids)))
        gone = [worker_id for worker_id, report in zip(ids, reports, strict=True) if report is None]
        if gone:
            with contextlib.suppress(StoreUnavailableError):  # A server that takes no writes can be read.
                self._exchange(("SREM", self._index, *gone))
        return in_order([worker for report in reports if report is not None and (worker := _worker(report))])

    def close(self) -> None:
        """Give back connections; it can be used again."""
        self._connections.close()

    def _exchange(self, *commands: Command) -> Sequence[Any]:
        return checked(self._connections.exchange(commands, repeatable=True))


def _worker(report: str) -> WorkerInfo | None:
    """Read a report; ``None`` if it is of another form, as another version may give it."""
    try:
        values = json.loads(report)
        known = {field.name: values[field.name] for field in fields(WorkerInfo)}
        worker = WorkerInfo(**{**known, "started_at": datetime.fromisoformat(known["started_at"])})
    except (KeyError, RecursionError, TypeError, ValueError):
        return None
    names = [worker.id, worker.host, *worker.queues, *worker.runs] if _are_lists(worker.queues, worker.runs) else [None]
    numbers = (worker.pid, worker.threads)
    is_sound = all(isinstance(name, str) for name in names) and all(isinstance(number, int) for number in numbers)
    return worker if is_sound and worker.started_at.tzinfo else None


def _are_lists(*values: object) -> bool:
    return all(isinstance(value, list) for value in values)
