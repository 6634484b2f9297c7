"""What one process remembers of schedules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from .base import Fire, ScheduleState


class MemorySchedules:
    """Last fires and pauses. Its caller holds a lock.

    Args:
        clock: Tells the time, UTC.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._last: dict[str, datetime] = {}
        self._paused: set[str] = set()

    def states(self, names: Sequence[str]) -> tuple[datetime, list[ScheduleState]]:
        """Return the time, and what is known of schedules; know them from now on."""
        now = self._clock()
        return now, [ScheduleState(self._last.setdefault(name, now), name in self._paused) for name in names]

    def pause(self, schedule: str, *, paused: bool) -> None:
        """Keep a schedule from firing, or let it fire again, from now on."""
        if paused:
            self._paused.add(schedule)
        elif schedule in self._paused:
            self._paused.remove(schedule)
            self._last[schedule] = self._clock()

    def fire(self, fire: Fire) -> bool:
        """Note a fire; tell whether it is after all that were made before."""
        last = self._last.get(fire.schedule)
        if last is not None and last >= fire.at:
            return False
        self._last[fire.schedule] = fire.at
        return True
