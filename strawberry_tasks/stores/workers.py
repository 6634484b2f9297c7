"""Which workers there are: each reports itself, and is forgotten when it does so no longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from ..errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInfo:
    """A worker process, as it has reported itself last."""

    id: str
    """Its own; a process that starts anew has another one."""

    host: str
    """The name of its machine."""

    pid: int
    """The process there."""

    queues: Sequence[str]
    """What it consumes, in alphabetical order."""

    threads: int
    """How many runs of sync tasks it performs at a time."""

    started_at: datetime
    """Since when, by its own clock, UTC."""

    runs: Sequence[str]
    """The ids of the runs that it performed then."""


class Roll(Protocol):
    """Keeps what workers report of themselves, each for a while.

    All methods raise `StoreUnavailableError` when the server does not answer.
    """

    def note(self, worker: WorkerInfo) -> None:
        """Keep a report in the place of the one before."""

    def forget(self, worker_id: str) -> None:
        """Drop the report of a worker that ends."""

    def read(self) -> list[WorkerInfo]:
        """Return the workers that are there, in the order of their start."""

    def close(self) -> None:
        """Give back connections; it can be used again."""


class MemoryRoll:
    """Keeps the reports inside one process.

    Args:
        ttl: How long each is kept.
    """

    def __init__(self, ttl: timedelta) -> None:
        self._ttl = ttl.total_seconds()
        self._lock = threading.Lock()
        self._reports: dict[str, tuple[float, WorkerInfo]] = {}

    def note(self, worker: WorkerInfo) -> None:
        """Keep a report in the place of the one before."""
        with self._lock:
            self._reports[worker.id] = time.monotonic() + self._ttl, worker

    def forget(self, worker_id: str) -> None:
        """Drop the report of a worker that ends."""
        with self._lock:
            self._reports.pop(worker_id, None)

    def read(self) -> list[WorkerInfo]:
        """Return the workers that are there, in the order of their start."""
        now = time.monotonic()
        with self._lock:
            self._reports = {key: report for key, report in self._reports.items() if report[0] > now}
            workers = [worker for _, worker in self._reports.values()]
        return in_order(workers)

    def close(self) -> None:
        """Keep the reports: there is no connection."""


def in_order(workers: Sequence[WorkerInfo]) -> list[WorkerInfo]:
    """Sort workers by their start."""
    return sorted(workers, key=lambda worker: (worker.started_at, worker.id))


def open_roll(url: str, *, namespace: str, ttl: timedelta) -> Roll:
    """Make the roll that stands beside the store of this URL; it connects at its first use.

    Args:
        url: As the store's.
        namespace: The prefix of every key.
        ttl: How long a report is kept.

    Raises:
        ConfigurationError: If the URL cannot be read.
    """
    if urlsplit(url).scheme == "memory":
        return MemoryRoll(ttl)
    from .redis_workers import RedisRoll  # noqa: PLC0415 - as with the store

    try:
        return RedisRoll(url, namespace=namespace, ttl=ttl)
    except ValueError as error:
        raise ConfigurationError(
            "url: expected a Redis URL such as redis://host:6379/0, with no option that redis-py does not know."
        ) from error
