"""The thread that renews the leases of all messages in this process's hands."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from dramatiq.errors import ConnectionClosed

from ...outage import Outage

logger = logging.getLogger(__name__)

PAUSE: Final = 0.5
"""Seconds between two tries while the server is away."""


class Keeper:
    """Calls a function at an interval, sooner when the server was away.

    Args:
        work: Renews; raises `ConnectionClosed` if the server is away.
        interval: Seconds between two calls.
    """

    def __init__(self, work: Callable[[], None], *, interval: float) -> None:
        self._work = work
        self._interval = interval
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._outage = Outage(logger)

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
            pause = self._interval if self._renew() else min(PAUSE, self._interval)

    def _renew(self) -> bool:
        try:
            self._work()
        except ConnectionClosed as error:
            self._outage.note("The leases of messages wait for the server: %s", error)
            return False
        self._outage.end("The leases of messages are renewed again.")
        return True
