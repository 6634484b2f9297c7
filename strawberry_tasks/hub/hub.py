"""What subscribers iterate over, and the thread that serves them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Hashable
from datetime import timedelta
from typing import cast

from ..errors import StoreUnavailableError
from ..snapshot import Snapshot
from ..stores.base import Feed
from .fanout import Fanout, end_tasks
from .pulse import Pulse
from .slots import CallSlot, LoopSignal, ManySlot, RunSlot, Slot, ThreadSignal

REREAD = timedelta(seconds=5)
"""How often a watched run is read though nobody said that it changed: the backstop for a message that got lost."""

LINGER = timedelta(seconds=5)
"""How long the link stays open after the last subscriber has left."""

_WAIT_SLICE = 1.0
"""Seconds after which a waiting thread looks around: an exception that was raised in it does not wake it from a lock."""


class Hub:
    """One process's fan-out: one link to the store, any number of subscribers in any thread or event loop.

    It works on a thread of its own, so that a blocked event loop delays nobody but itself. The thread starts with the first
    subscriber and ends after the last one; a forked child starts its own.

    Args:
        open_feed: Makes a feed that is not connected yet, such as `Store.feed`.
        reread: How often watched runs are read though nobody said that they changed.
        linger: How long the link stays open after the last subscriber has left.
        sweep: Called every half second while somebody watches, in a thread of its own: takes runs from lost workers.
        find_absent: Called in a thread of its own when somebody watches a run that the store does not have; returns it, if it is
            known elsewhere.
    """

    def __init__(
        self,
        open_feed: Callable[[], Feed],
        *,
        reread: timedelta = REREAD,
        linger: timedelta = LINGER,
        sweep: Callable[[], object] = lambda: None,
        find_absent: Callable[[str], Snapshot | None] = lambda _: None,
    ) -> None:
        self._open_feed = open_feed
        self._find_absent = find_absent
        self._sweep = sweep
        self._reread = reread
        self._linger = linger
        self._lock = threading.Lock()
        self._engine: _Engine | None = None
        self._inherited: list[_Engine | None] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_weakly(self._forget_parent))

    def watch_run(self, run_id: str, *, after: int | None = None) -> AsyncGenerator[Snapshot, None]:
        """Yield a run's present state, then newer ones, the terminal one last.

        States that come faster than they are taken are skipped, except the terminal one. While the store is away, this waits.

        Args:
            run_id: Which run.
            after: Skip states up to this version, because they are known. If the run has ended with one of them, nothing is
                yielded.

        Raises:
            TaskNotFoundError: If there is no such run, or not any more.
            StoreUnavailableError: If the hub is closed meanwhile.
        """
        return _news(self._states(lambda signal: RunSlot(run_id, signal, after=after), pulse=None))

    def pulsing_run(
        self, run_id: str, *, after: int | None = None, pulse: timedelta, reader: Hashable = None
    ) -> AsyncGenerator[Snapshot | None, None]:
        """`watch_run` that also yields ``None`` at regular intervals, so that its reader comes around without news.

        Args:
            run_id: Which run.
            after: Skip states up to this version.
            pulse: The interval.
            reader: Who reads; where many are to be told, readers take turns.
        """
        return self._states(lambda signal: RunSlot(run_id, signal, after=after), pulse=pulse, reader=reader)

    def watch_all(self, owner: str | None) -> AsyncGenerator[Snapshot, None]:
        """Yield every change from now on of the runs of an owner; it never ends by itself.

        States of one run that come faster than they are taken are skipped. Of more than `slots.MAX_WAITING` runs waiting at
        once some are dropped, those that have ended last.

        Args:
            owner: Whose runs; ``None`` watches everybody's.

        Raises:
            StoreUnavailableError: If the hub is closed meanwhile.
        """
        return _news(self._states(lambda signal: ManySlot(owner, signal), pulse=None))

    def pulsing_all(
        self, owner: str | None, *, pulse: timedelta, reader: Hashable = None
    ) -> AsyncGenerator[Snapshot | None, None]:
        """`watch_all` that also yields ``None`` at regular intervals.

        Args:
            owner: Whose runs; ``None`` watches everybody's.
            pulse: The interval.
            reader: Who reads; where many are to be told, readers take turns.
        """
        return self._states(lambda signal: ManySlot(owner, signal), pulse=pulse, reader=reader)

    def watch_topic(
        self, topic: str, call: Callable[[Snapshot], None], *, on_attached: Callable[[], None]
    ) -> Callable[[], None]:
        """Call a function with each state of a topic's runs, on the hub's own thread, until the function is called that comes back.

        Args:
            topic: Which topic.
            call: Gets the states; must not block.
            on_attached: Called when the link to the store has been made, and made again: changes may have been missed before.
        """
        slot = CallSlot(topic, call, on_attached=on_attached)
        self._enter(slot)
        return lambda: self._leave(slot)

    def wait(self, run_id: str, timeout: float | None = None) -> Snapshot:
        """Return the terminal state of a run, once it has ended. Not for use on an event loop: see `await_end`.

        Args:
            run_id: Which run.
            timeout: Seconds to wait at the most; ``None`` waits as long as it takes.

        Raises:
            TimeoutError: If it has not ended in time.
            TaskNotFoundError: If there is no such run, or not any more.
            StoreUnavailableError: If the hub is closed meanwhile.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        signal = ThreadSignal()
        slot = RunSlot(run_id, signal)
        self._enter(slot)
        try:
            while True:
                remaining = _WAIT_SLICE if deadline is None else deadline - time.monotonic()
                if remaining <= 0:
                    raise _timed_out(run_id, timeout)
                if signal.wait(min(remaining, _WAIT_SLICE)):
                    state = slot.take()
                    if state is not None and state.is_terminal:
                        return state
        finally:
            self._leave(slot)

    async def await_end(self, run_id: str, timeout: float | None = None) -> Snapshot:
        """`wait` for async code."""
        try:
            async with asyncio.timeout(timeout), contextlib.aclosing(self.watch_run(run_id)) as states:
                async for state in states:
                    if state.is_terminal:
                        return state
        except TimeoutError as error:
            raise _timed_out(run_id, timeout) from error
        raise AssertionError("a stream ended before its run did")

    def close(self) -> None:
        """Close the link and end its thread; who still watches fails. Harmless when closed already; watching opens it again."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is None:
            return
        for slot in list(engine.slots):
            # Its event loop may be closed.
            with contextlib.suppress(RuntimeError):
                slot.fail(StoreUnavailableError("The link to the task store was closed while somebody watched a task."))
        engine.stop()
        engine.join()

    async def _states(
        self,
        make_slot: Callable[[LoopSignal], RunSlot | ManySlot],
        *,
        pulse: timedelta | None,
        reader: Hashable = None,
    ) -> AsyncGenerator[Snapshot | None, None]:
        signal = LoopSignal(reader)
        slot = make_slot(signal)
        beat = Pulse(signal, pulse)
        self._enter(slot)
        try:
            while not slot.is_exhausted:
                await signal.wait()
                state = slot.take()
                if beat.take():
                    yield None
                if state is not None:
                    yield state
        finally:
            beat.stop()
            self._leave(slot)

    def _enter(self, slot: Slot) -> None:
        with self._lock:
            if self._engine is None:
                self._engine = _Engine(
                    self._open_feed,
                    reread=self._reread,
                    on_lost=self._leave,
                    sweep=self._sweep,
                    find_absent=self._find_absent,
                )
            self._engine.slots.add(slot)
            self._engine.add(slot)

    def _leave(self, slot: Slot) -> None:
        with self._lock:
            engine = self._engine
            if engine is None or slot not in engine.slots:
                return
            engine.slots.discard(slot)
            engine.remove(slot)
            if not engine.slots:
                engine.call_later(self._linger, lambda: self._stop_idle(engine))

    def _stop_idle(self, engine: _Engine) -> None:
        with self._lock:
            if self._engine is not engine or engine.slots:
                return
            self._engine = None
        engine.stop()

    def _forget_parent(self) -> None:
        # Kept, and not dropped: the child shares the parent's epoll instance, and closing the inherited sockets through the
        # inherited loop would take them out of it.
        self._inherited.append(self._engine)
        self._engine = None
        self._lock = threading.Lock()


class _Engine:
    """A thread with an event loop and the fan-out on it; what it is told before it runs, it does first."""

    def __init__(
        self,
        open_feed: Callable[[], Feed],
        *,
        reread: timedelta,
        on_lost: Callable[[Slot], None],
        sweep: Callable[[], object],
        find_absent: Callable[[str], Snapshot | None],
    ) -> None:
        self.slots: set[Slot] = set()
        """Whom it serves; guarded by the hub's lock."""

        self._fanout = Fanout(open_feed, reread=reread, on_lost=on_lost, sweep=sweep, find_absent=find_absent)
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="strawberry-tasks-hub", daemon=True)
        self._thread.start()

    def add(self, slot: Slot) -> None:
        """Serve a slot."""
        self._loop.call_soon_threadsafe(self._fanout.add, slot)

    def remove(self, slot: Slot) -> None:
        """Serve a slot no longer."""
        self._loop.call_soon_threadsafe(self._fanout.remove, slot)

    def call_later(self, delay: timedelta, callback: Callable[[], None]) -> None:
        """Call back on the engine's own thread."""
        self._loop.call_soon_threadsafe(self._loop.call_later, delay.total_seconds(), callback)

    def stop(self) -> None:
        """Ask the thread to end."""
        self._loop.call_soon_threadsafe(self._stopped.set)

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join(timeout=5)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        fanout = asyncio.create_task(self._fanout.run())
        await self._stopped.wait()
        await end_tasks(fanout, patience=2)


def _news(states: AsyncGenerator[Snapshot | None, None]) -> AsyncGenerator[Snapshot, None]:
    return cast("AsyncGenerator[Snapshot, None]", states)  # Without a pulse there is nothing else in it.


def _timed_out(run_id: str, timeout: float | None) -> TimeoutError:
    return TimeoutError(f"Task {run_id} has not ended within {timeout} seconds; it goes on.")


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    reference = weakref.WeakMethod(method)

    def call() -> None:
        bound = reference()
        if bound is not None:
            bound()

    return call
