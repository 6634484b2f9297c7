"""Merges the progress calls of running attempts and writes them from a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from .errors import StoreUnavailableError
from .outage import Outage
from .stores.base import Change

logger = logging.getLogger(__name__)

_PAUSE = 0.1
"""Seconds between two tries while the store is away."""


class ProgressReporter:
    """What one attempt has reported last; costs no I/O."""

    __slots__ = (
        "_latest",
        "_percent",
        "_schedule",
        "_scheduled",
        "attempt",
        "run_id",
        "superseded",
    )

    def __init__(self, run_id: str, attempt: int, schedule: Callable[[ProgressReporter], None]) -> None:
        self.run_id = run_id
        self.attempt = attempt
        self.superseded = False
        self._schedule = schedule
        self._scheduled = False
        # One tuple, so that the thread that writes never sees the units of one report with the total of another.
        self._latest: tuple[float | None, float | None, str | None] = (None, None, None)
        self._percent = 0.0

    def report(self, current: float, total: float | None, message: str | None) -> None:
        """Remember the latest progress, and see to it that it is written."""
        _, last_total, last_message = self._latest
        self._latest = (
            current,
            last_total if total is None else total,
            last_message if message is None else message,
        )
        if not self._scheduled:
            self._scheduled = True
            self._schedule(self)

    def change(self) -> Change:
        """Take what is to be written; a report from now on schedules another write."""
        # Cleared before the values are read: a report in between is then written twice, never lost.
        self._scheduled = False
        return Change(run_id=self.run_id, attempt=self.attempt, values=self.values())

    def values(self) -> dict[str, Any]:
        """Return the latest progress as snapshot attributes; empty if nothing was reported."""
        current, total, message = self._latest
        if current is None:
            return {}
        units, units_in_all = float(current), None if total is None else float(total)
        if units_in_all:
            self._percent = max(self._percent, min(100.0, 100.0 * units / units_in_all))
        return {
            "progress": self._percent,
            "progress_current": units,
            "progress_total": units_in_all,
            "progress_message": None if message is None else encodable(str(message)),
        }


class ProgressFlusher:
    """Writes what the attempts of this process have reported, all of them in one round trip an interval.

    The first report after a pause is written at once. While the store is away, reports are kept and written when it is back.
    """

    def __init__(self, apply: Callable[[Sequence[Change]], Sequence[object]], *, interval: timedelta) -> None:
        self._apply = apply
        self._interval = interval.total_seconds()
        self._lock = threading.Lock()
        self._dirty: list[ProgressReporter] = []
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._outage = Outage(logger)

    def open(self, run_id: str, attempt: int) -> ProgressReporter:
        """Make the reporter of an attempt that starts now."""
        return ProgressReporter(run_id, attempt, self._schedule)

    def close(self) -> None:
        """Stop the thread after what it is writing. Attempts hand in their last progress with their outcome."""
        self._closed.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _schedule(self, reporter: ProgressReporter) -> None:
        with self._lock:
            self._dirty.append(reporter)
            if self._thread is None or not self._thread.is_alive():  # A forked child has the object, not the thread.
                self._thread = threading.Thread(target=self._run, name="strawberry-tasks-progress", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                batch, self._dirty = self._dirty, []
            if self._flush(batch):
                self._closed.wait(self._interval)
            else:
                with self._lock:
                    # What is reported while the store is away stands in both.
                    self._dirty = list(dict.fromkeys([*batch, *self._dirty]))
                self._wake.set()
                self._closed.wait(max(self._interval, _PAUSE))

    def _flush(self, batch: Sequence[ProgressReporter]) -> bool:
        pending = [reporter for reporter in batch if not reporter.superseded]
        if not pending:
            return True
        try:
            outcomes = self._apply([reporter.change() for reporter in pending])
        except StoreUnavailableError as error:
            self._outage.note("The progress of %d runs waits for the store: %s", len(pending), error)
            return False
        except Exception:
            logger.exception("The progress of %d runs could not be written.", len(pending))
            return True
        self._outage.end("Progress is written again.")
        for reporter, outcome in zip(pending, outcomes, strict=True):
            reporter.superseded = outcome is None
        return True


def encodable(text: str) -> str:
    """Replace what UTF-8 cannot encode, such as the odd bytes of a file's name."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
