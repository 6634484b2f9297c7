"""Where schedules come from, and what is kept of them while that is away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from .outage import Outage
from .schedule import Schedule

logger = logging.getLogger(__name__)

Source = Callable[[], Iterable[Schedule]]
"""Tells which schedules there are now; asked at each tick, and by whoever looks. While it raises, its last answer stands."""


@runtime_checkable
class PausingSource(Protocol):
    """A source that notes itself which of its schedules are paused: `Schedule.is_paused`."""

    def __call__(self) -> Iterable[Schedule]:
        """Tell which schedules there are now."""

    def pause(self, name: str, *, paused: bool) -> None:
        """Keep one of its schedules from firing, or let it fire again, from now on."""


class Found(NamedTuple):
    """A schedule, and where it comes from."""

    schedule: Schedule
    """The schedule."""

    source: Source
    """Its source."""


class Sources:
    """Several sources; of two schedules with one name, the first counts."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []

    def __len__(self) -> int:
        """Return how many sources there are."""
        return len(self._kept)

    def add(self, source: Source) -> None:
        """Take a further one, after the others."""
        self._kept.append(_Kept(source))

    def read(self) -> dict[str, Found]:
        """Return the schedules that there are now, by their names."""
        found: dict[str, Found] = {}
        for kept in self._kept:
            for schedule in kept.read():
                found.setdefault(schedule.name, Found(schedule, kept.source))
        return found


class _Kept:
    """A source and its last answer."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._last: Sequence[Schedule] = ()
        self._outage = Outage(logger)

    def read(self) -> Sequence[Schedule]:
        try:
            self._last = tuple(self.source())
        except Exception:  # noqa: BLE001 - a source may raise anything, and the others have to fire.
            told = "Some schedules cannot be read; until they can, those that were last read stand."
            self._outage.note(told, exc_info=True)
        else:
            self._outage.end("All schedules can be read again.")
        return self._last
