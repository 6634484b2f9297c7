"""Gives up on functions that nothing ends, and has their worker process replaced."""

from __future__ import annotations

import faulthandler
import itertools
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

logger = logging.getLogger(__name__)

EXIT_GRACE: Final = timedelta(seconds=5)
"""How long the other attempts of a process may take to give their runs back, before it exits."""

HEARD_WITHIN: Final = timedelta(seconds=2)
"""How long Dramatiq's processes may take to hear a signal; they look around each second."""

LAST_RESORT: Final = timedelta(seconds=10)
"""How long after a hard limit a process is ended whose interpreter does not answer, since C code keeps it locked."""

_armed: dict[int, float] = {}
_numbers = itertools.count()
_lock = threading.Lock()


class HardLimit:
    """Calls a function when an attempt has taken too long, from a thread of its own.

    Args:
        limit: How long it may take.
        give_up: Called then.
    """

    def __init__(self, limit: timedelta, give_up: Callable[[], None]) -> None:
        self._number = next(_numbers)
        self._timer = threading.Timer(limit.total_seconds(), give_up)
        self._timer.daemon = True
        self._timer.start()
        _arm(self._number, time.monotonic() + (limit + LAST_RESORT).total_seconds())

    def cancel(self) -> None:
        """Forget it; harmless when it is over."""
        self._timer.cancel()
        _arm(self._number, None)


def is_worker_process() -> bool:
    """Tell whether this process was started by Dramatiq's command line, and may be ended for another one."""
    return multiprocessing.parent_process() is not None and "dramatiq.cli" in sys.modules


def replace_process(give_back: Callable[[timedelta], None]) -> None:
    """Have Dramatiq's master start its processes anew, and exit this one; from a thread that may wait.

    Args:
        give_back: Gives back the other runs of this process, whose functions may take so long to stop.
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return
    logger.critical("This worker process exits, since a function in it cannot be ended; another one takes its place.")
    if hasattr(signal, "SIGHUP"):
        with suppress(ProcessLookupError):
            os.kill(parent.pid, signal.SIGHUP)
    # Until the master has heard, or else it takes the exit for a crash and stops for good; and until this process has stopped to
    # take messages, or else it would get back what it gives back.
    time.sleep(HEARD_WITHIN.total_seconds())
    give_back(EXIT_GRACE)
    os._exit(0)


def _arm(number: int, deadline: float | None) -> None:
    """Have the process ended at the earliest deadline of all, by a thread that needs no Python for it."""
    if not is_worker_process():
        return
    with _lock:
        if deadline is None:
            _armed.pop(number, None)
        else:
            _armed[number] = deadline
        faulthandler.cancel_dump_traceback_later()
        if _armed:
            seconds = max(min(_armed.values()) - time.monotonic(), 0.001)
            faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__ or 2)
