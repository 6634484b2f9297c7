"""Notices that an event loop does not answer, names the task that holds it up, and keeps count of what that costs the others."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

PAUSE: Final = 0.25
"""Seconds between an answer of the loop and the next question."""

LATE: Final = 0.1
"""Seconds after which an answer is late; what the loop had to wait is then not put down to those who waited with it."""

BLOCKED: Final = 1.0
"""Seconds after which a warning tells who blocks the loop."""


class LoopWatch:
    """One thread asks the loop for a sign of life, as long as it has something to do.

    Args:
        loop: The loop.
        ident: The thread that it runs on.
        label_of: Tells which attempt an asyncio task belongs to.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, ident: int, label_of: Callable[[asyncio.Task[object]], str | None]
    ) -> None:
        self._loop = loop
        self._ident = ident
        self._label_of = label_of
        self._is_busy = threading.Event()
        self._closed = threading.Event()
        self._stalled = 0.0
        self._stalled_by: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="strawberry-tasks-loop-watch", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread."""
        self._closed.set()
        self._is_busy.set()
        self._thread.join(timeout=5)

    def set_busy(self, is_busy: bool) -> None:
        """Tell whether the loop has anything to do."""
        if is_busy:
            self._is_busy.set()
        else:
            self._is_busy.clear()

    def stalled(self, *, except_by: str) -> float:
        """Return for how many seconds the loop did not answer so far; what that attempt has caused itself is left out."""
        return self._stalled - self._stalled_by.get(except_by, 0.0)

    def forget(self, label: str) -> None:
        """Forget what an attempt has caused that has ended."""
        self._stalled_by.pop(label, None)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._is_busy.wait()
            self._ask()
            self._closed.wait(PAUSE)

    def _ask(self) -> None:
        answered = threading.Event()
        asked = time.monotonic()
        culprit: str | None = None

        def answer() -> None:
            # On the loop, and before the timers that are due: those ask what was stalled.
            waited = time.monotonic() - asked
            if waited >= LATE:
                self._charge(culprit, waited + PAUSE)
            answered.set()

        self._loop.call_soon_threadsafe(answer)
        if answered.wait(LATE):
            return
        culprit = self._present()
        if not answered.wait(BLOCKED - LATE):
            self._warn()
        while not answered.wait(PAUSE) and not self._closed.is_set():
            pass

    def _charge(self, label: str | None, seconds: float) -> None:
        self._stalled += seconds
        if label is not None:
            self._stalled_by[label] = self._stalled_by.get(label, 0.0) + seconds

    def _present(self) -> str | None:
        task = asyncio.current_task(self._loop)
        return None if task is None else self._label_of(task)

    def _warn(self) -> None:
        frame = sys._current_frames().get(self._ident)
        place = "".join(traceback.format_stack(frame, limit=-_DEEPEST)) if frame is not None else "an unknown place\n"
        logger.warning(
            "%s has blocked the event loop for more than %g s: no other async task of this process gets on. "
            "Await what takes long, or call it with asyncio.to_thread(). It is in:\n%s",
            self._present() or "Something",
            BLOCKED,
            place,
        )


_DEEPEST: Final = 8
