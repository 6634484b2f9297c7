"""The event loop on which a process runs its async tasks."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from dramatiq.asyncio import EventLoopThread

from .isolation import ContextThreads
from .loop_watch import LoopWatch

logger = logging.getLogger(__name__)

R = TypeVar("R")

_LABEL: Final[ContextVar[str | None]] = ContextVar("strawberry_tasks_attempt", default=None)
"""The attempt that a coroutine belongs to."""


class CoroutineThread:
    """One event loop on a thread of its own; it starts with the first coroutine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: _LoopThread | None = None
        self._count = 0

    def run(self, coroutine: Coroutine[Any, Any, R], *, label: str) -> R:
        """Run a coroutine on the loop, and wait for its result.

        Args:
            coroutine: What to run.
            label: Names it when it blocks the loop.
        """
        thread = self._begin()
        try:
            result: R = contextvars.copy_context().run(_labeled, label, thread.run_coroutine, coroutine)
            return result
        finally:
            self._end(thread, label)

    def start(self, coroutine: Coroutine[Any, Any, R], *, label: str, context: contextvars.Context) -> Future[R]:
        """Run a coroutine on the loop, and return at once.

        Args:
            coroutine: What to run.
            label: Names it when it blocks the loop.
            context: The context variables that it begins with; it gets a copy.
        """
        thread = self._begin()

        def start() -> Future[R]:
            return asyncio.run_coroutine_threadsafe(coroutine, thread.loop)

        future = context.copy().run(_labeled, label, start)
        future.add_done_callback(lambda _: self._end(thread, label))
        return future

    def stalled(self, *, except_by: str) -> float:
        """Return for how many seconds the loop did not answer so far; what the attempt of that label has caused is left out."""
        return 0.0 if self._thread is None else self._thread.watch.stalled(except_by=except_by)

    def close(self) -> None:
        """Stop the loop."""
        with self._lock:
            thread, self._thread, self._count = self._thread, None, 0
        if thread is not None:
            thread.watch.close()
            thread.stop()  # type: ignore[no-untyped-call]

    def _begin(self) -> _LoopThread:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # A forked child has the object, not the thread.
                self._thread, self._count = _LoopThread(), 0
                self._thread.start()
                self._thread.watch.start()
            self._count += 1
            self._thread.watch.set_busy(True)
            return self._thread

    def _end(self, thread: _LoopThread, label: str) -> None:
        thread.watch.forget(label)
        with self._lock:
            if thread is self._thread:
                self._count -= 1
                if self._count == 0:
                    thread.watch.set_busy(False)


class _LoopThread(EventLoopThread):
    """Dramatiq's thread, with a watch; and nothing that a task raises ends it."""

    watch: LoopWatch

    def __init__(self) -> None:
        super().__init__(logger)
        self.daemon = True
        # `Task.get_context` came with Python 3.12 only.
        self._labels: WeakKeyDictionary[asyncio.Future[Any], str | None] = WeakKeyDictionary()
        self.loop.set_default_executor(ContextThreads(thread_name_prefix="strawberry-tasks-loop"))
        self.loop.set_task_factory(self._make_task)  # type: ignore[arg-type]

    def start(self, *, timeout: float | None = None) -> None:
        """Start it, and return when the loop runs."""
        super().start(timeout=timeout)
        self.watch = LoopWatch(self.loop, self.ident or 0, self._labels.get)

    def run(self) -> None:
        """Run the loop until it is stopped."""
        try:
            while not self._runs_until_stopped():
                pass
        finally:
            self.loop.close()

    def _runs_until_stopped(self) -> bool:
        try:
            self.loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            # An asyncio task that the function of an attempt has started; that function gets it from it, too.
            logger.warning("An async task raised what ends a program; the event loop goes on.", exc_info=True)
            return False
        return True

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, R], **options: Any
    ) -> asyncio.Task[R]:
        task = asyncio.Task(coroutine, loop=loop, **options)
        self._labels[task] = _LABEL.get()
        return task


def _labeled(label: str, function: Callable[..., R], *arguments: Any) -> R:
    _LABEL.set(label)
    return function(*arguments)
