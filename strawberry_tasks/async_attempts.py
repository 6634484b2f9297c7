"""Performs the attempts of async tasks on one event loop: many at a time, and none of them holds a thread."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, NamedTuple

from .errors import StoreUnavailableError
from .escapes import raise_
from .lifecycle import STORE_PAUSE, Attempt, Means, Settle, Work, begin
from .outcome import Verdict
from .stop import AttemptGivenBack
from .surroundings import entered

logger = logging.getLogger(__name__)

SETTLERS: Final = 4
"""How many threads write how attempts ended."""


class Assignment(NamedTuple):
    """A run to be performed, and who wants to know about it. The calls come from any thread, and must not raise."""

    work: Work
    run_id: str

    settle: Settle
    """Writes the outcome."""

    on_start: Callable[[], None]
    """Called when the attempt has its place on the loop."""

    on_end: Callable[[Verdict | None], None]
    """Told what follows for the run's message; ``None`` if it was not begun, since the process comes to its end."""


class _Order(NamedTuple):
    assignment: Assignment
    context: contextvars.Context


class AsyncAttempts:
    """Performs so many attempts at a time; what comes beyond that waits in line, without a thread as well.

    Args:
        means: What to perform them with.
        concurrency: How many at a time.
    """

    def __init__(self, means: Means, *, concurrency: int) -> None:
        self._means = means
        self._concurrency = concurrency
        self._changed = threading.Condition()
        self._count = 0
        self._line: deque[_Order] = deque()
        self._running: dict[Future[Any], tuple[_Order, Attempt]] = {}
        self._settlers = _Threads(SETTLERS)

    def submit(self, assignment: Assignment) -> None:
        """Claim an attempt of a run and start it; or let the run wait until another one has ended."""
        order = _Order(assignment, contextvars.copy_context())
        with self._changed:
            if self._count >= self._concurrency:
                self._line.append(order)
                return
            self._count += 1
        self._begin(order)

    def turn_away(self) -> None:
        """Begin none of those that wait in line."""
        with self._changed:
            orders, self._line = self._line, deque()
        for order in orders:
            order.assignment.on_end(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there is none, for so many seconds at the most; return whether there is none."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, timeout)

    def give_back(self, patience: timedelta) -> None:
        """Stop all of them, and those of this process that hold a thread each; let their runs go on elsewhere.

        Args:
            patience: How long their functions may take to end. Those that do not are left to the end of the process; nothing that
                they still write counts.
        """
        self.turn_away()
        self._means.keeper.tell_to_leave()
        if not self.wait(patience.total_seconds()):
            self._leave_to_themselves(patience)
        self._means.keeper.give_back(patience)

    def _leave_to_themselves(self, patience: timedelta) -> None:
        for future, (_, attempt) in list(self._running.items()):
            logger.warning("%s does not stop; its run goes on elsewhere all the same.", attempt.label)
            self._ended(future, partial(raise_, AttemptGivenBack()))
        self.wait(patience.total_seconds())

    def close(self) -> None:
        """Stop the threads once they have written what has ended."""
        self._settlers.close()

    def _begin(self, order: _Order) -> None:
        """Start an attempt, in a place that is counted already."""
        with entered(self._means.surroundings) as trouble:
            order.context.copy().run(self._begin_here, order, trouble)

    def _begin_here(self, order: _Order, trouble: BaseException | None) -> None:
        work, run_id, settle, on_start, _ = order.assignment
        try:
            attempt = begin(work, run_id, self._means, settle)
        except StoreUnavailableError as error:
            logger.warning("Run %s (%s) could not be claimed: %s", run_id, work.name, error)
            return self._close(order, Verdict(retry_in=STORE_PAUSE))
        except Exception as error:  # noqa: BLE001 - the worker's boundary
            return self._close(order, Verdict(error=error))
        if isinstance(attempt, Verdict):
            return self._close(order, attempt)
        try:
            if trouble is not None:
                raise trouble
            coroutine = attempt.coroutine()
        except BaseException as error:  # noqa: BLE001 - the worker's boundary
            return self._conclude(order, attempt, partial(raise_, error))
        on_start()
        future = self._means.coroutines.start(coroutine, label=attempt.label, context=order.context)
        self._running[future] = order, attempt
        future.add_done_callback(lambda ended: self._ended(ended, ended.result))
        return None

    def _ended(self, future: Future[Any], result: Callable[[], Any]) -> None:
        """Have it concluded off the loop. It may have been given up before."""
        if (running := self._running.pop(future, None)) is not None:
            self._settlers.call(partial(self._conclude, *running, result))

    def _conclude(self, order: _Order, attempt: Attempt, result: Callable[[], Any]) -> None:
        try:
            with entered(self._means.surroundings):
                verdict = order.context.copy().run(attempt.conclude, result)
        except StoreUnavailableError as error:
            logger.warning("The outcome of run %s could not be written: %s", attempt.run.id, error)
            verdict = Verdict(retry_in=STORE_PAUSE)
        except Exception as error:  # noqa: BLE001 - the worker's boundary
            verdict = Verdict(error=error)
        self._close(order, verdict)

    def _close(self, order: _Order, verdict: Verdict) -> None:
        if verdict.error is not None:
            logger.error(
                "Run %s (%s) failed.", order.assignment.run_id, order.assignment.work.name, exc_info=verdict.error
            )
        try:
            order.assignment.on_end(verdict)
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            if self._line:
                # The place goes over to the next in line.
                self._settlers.call(partial(self._begin, self._line.popleft()))
            else:
                self._count -= 1
                self._changed.notify_all()


class _Threads:
    """Call functions; they come with the calls, up to a number, and do not keep a process from ending."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def call(self, function: Callable[[], None]) -> None:
        """Have a function called."""
        self._calls.put(function)
        with self._lock:
            if len(self._threads) < self._most:
                number = len(self._threads)
                thread = threading.Thread(target=self._run, name=f"strawberry-tasks-settle-{number}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """Stop them after what was to be called before."""
        with self._lock:
            threads, self._threads = self._threads, []
            for _ in threads:
                self._calls.put(None)
        for thread in threads:
            thread.join(timeout=5)

    def _run(self) -> None:
        while (function := self._calls.get()) is not None:
            try:
                function()
            except BaseException:
                logger.exception("The end of an async attempt was not told.")
