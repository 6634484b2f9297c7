"""The thread that renews the leases of all messages in this process's hands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

PAUSE: Final = 0.5
"""Seconds between two tries while the server is away."""


class Keeper:
    """Calls a function at an interval, sooner when it says that it could not do its work.

    Args:
        work: Returns whether all is done.
        interval: Seconds between two calls.
    """

    def __init__(self, work: Callable[[], bool], *, interval: float) -> None:
        self._work = work
        self._interval = interval
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread unless it runs; a forked child has the object, but not the thread."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._closed.clear()
                self._thread = threading.Thread(target=self._run, name="strawberry-tasks-leases", daemon=True)
                self._thread.start()

    def hurry(self) -> None:
        """Call the function after a short pause, and until all is done."""
        self._hurry.set()

    def close(self) -> None:
        """Stop the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._closed.set()
            self._hurry.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self) -> None:
        pause = self._interval
        while True:
            if self._hurry.wait(pause) and self._closed.wait(min(PAUSE, self._interval)):
                return
            self._hurry.clear()
            pause = self._interval if self._work() else min(PAUSE, self._interval)
