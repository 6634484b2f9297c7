"""Notices when the machine stands still: a test that fails meanwhile may have seen that, and nothing of ours."""

from __future__ import annotations

import threading
import time
from functools import cache

LONG = 0.2
"""From how many seconds on a pause of this process counts; leases and limits in tests are longer."""

_TICK = 0.02


class _Watch:
    def __init__(self) -> None:
        self.last = 0.0
        threading.Thread(target=self._run, name="stalls", daemon=True).start()

    def _run(self) -> None:
        before = time.monotonic()
        while True:
            time.sleep(_TICK)
            now = time.monotonic()
            if now - before > LONG:
                self.last = now
            before = now


@cache
def _watch() -> _Watch:
    return _Watch()


def begin() -> None:
    """Begin to watch, in this process."""
    _watch()


def stood_still_since(moment: float) -> bool:
    """Tell whether there was a pause that has ended after this moment of `time.monotonic`."""
    time.sleep(2 * _TICK)  # One that has just ended is noted, too.
    return _watch().last > moment
