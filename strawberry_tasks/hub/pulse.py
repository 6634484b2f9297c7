"""Wakes a subscriber at regular intervals, whether or not there is news."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from .slots import LoopSignal


class Pulse:
    """One timer on the running event loop.

    The first interval is cut short at random: of many that begin together, each does what it does at another time.

    Args:
        signal: What it sets.
        every: The interval; ``None`` never sets it.
    """

    def __init__(self, signal: LoopSignal, every: timedelta | None) -> None:
        self._signal = signal
        self._loop = asyncio.get_running_loop()
        self._every = 0.0 if every is None else every.total_seconds()
        self._is_due = False
        first = random.uniform(0, self._every)  # noqa: S311 - no secret
        self._timer = None if every is None else self._loop.call_later(first, self._beat)

    def take(self) -> bool:
        """Tell whether it was time since the last call."""
        due, self._is_due = self._is_due, False
        return due

    def stop(self) -> None:
        """Let it sleep from now on."""
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._is_due = True
        self._signal.set_here()
        self._timer = self._loop.call_later(self._every, self._beat)
