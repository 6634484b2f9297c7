"""What a subscriber has not taken yet: bounded, the latest state wins, the terminal one stays."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from typing import Protocol

from ..errors import StrawberryTasksError, TaskNotFoundError
from ..snapshot import Snapshot
from ..stores.base import ALL_TOPIC, owner_topic, run_topic
from .turns import turns_of

MAX_WAITING = 1000
"""How many runs may wait in the slot of one subscriber to many; what has ended is dropped last."""


class Signal(Protocol):
    """How the hub's thread wakes a subscriber."""

    def set(self) -> None:
        """Wake it, from any thread.

        Raises:
            RuntimeError: If its event loop is closed.
        """

    def clear(self) -> None:
        """Let it sleep; called by the subscriber alone."""

    @property
    def is_lost(self) -> bool:
        """Whether nobody can be woken any more."""


class LoopSignal:
    """Wakes a coroutine of the event loop that made this, when it is its turn.

    Args:
        reader: Whose coroutine it is; those of one reader take turns with those of others.
    """

    def __init__(self, reader: Hashable = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._turns = turns_of(self._loop)
        self._reader = reader
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake it, from any thread."""
        self._turns.add(self._event, self._reader, self._loop)

    def set_here(self) -> None:
        """Wake it, from its own event loop."""
        self._event.set()

    def clear(self) -> None:
        """Let it sleep."""
        self._event.clear()

    async def wait(self) -> None:
        """Sleep until woken."""
        await self._event.wait()

    @property
    def is_lost(self) -> bool:
        """Whether the event loop is closed."""
        return self._loop.is_closed()


class ThreadSignal(threading.Event):
    """Wakes a plain thread."""

    @property
    def is_lost(self) -> bool:
        """Say no: a thread leaves by itself."""
        return False


class Slot:
    """What every slot has: a topic, and at most one wake-up on its way until the subscriber comes."""

    def __init__(self, topic: str, signal: Signal, *, run_id: str | None = None) -> None:
        self.topic = topic
        self.run_id = run_id
        self.signal = signal
        self._lock = threading.Lock()
        self._awake = False
        self._error: StrawberryTasksError | None = None

    def offer(self, run_id: str, state: Snapshot | None) -> None:
        """Put in a run's present state, ``None`` where there is no such run.

        Raises:
            RuntimeError: If the subscriber's event loop is closed.
        """
        raise NotImplementedError

    def attached(self) -> None:
        """Hear that every change from now on will be told; also after each loss of the link."""

    def fail(self, error: StrawberryTasksError) -> None:
        """Let the subscriber fail, once it has taken what waits."""
        with self._lock:
            self._error = self._error or error
            self._wake()

    def _wake(self) -> None:
        if not self._awake:
            self._awake = True
            self.signal.set()

    def _sleep(self) -> None:
        self._awake = False
        self.signal.clear()


class RunSlot(Slot):
    """The slot of a subscriber to one run.

    Args:
        after: A version that the subscriber knows already.
    """

    def __init__(self, run_id: str, signal: Signal, *, after: int | None = None) -> None:
        super().__init__(run_topic(run_id), signal, run_id=run_id)
        self._latest = 0 if after is None else after
        self._offered = False
        self._ended = False
        self._waiting: Snapshot | None = None

    @property
    def is_exhausted(self) -> bool:
        """Whether the end has been taken, or was known before."""
        with self._lock:
            return self._ended and self._waiting is None and self._error is None

    def offer(self, run_id: str, state: Snapshot | None) -> None:
        """Put in the run's present state; an older one than before is ignored."""
        with self._lock:
            if self._ended:
                return
            if state is None:
                self._error = self._error or TaskNotFoundError(run_id)
                self._ended = True
            elif state.is_terminal:
                # A server that came back from an older copy counts versions again; the end must not drown in that.
                if state.version > self._latest or self._offered:
                    self._waiting = state
                self._ended = True
            elif state.version > self._latest:
                self._waiting, self._latest, self._offered = state, state.version, True
            else:
                return
            self._wake()

    def take(self) -> Snapshot | None:
        """Take what waits, if anything does.

        Raises:
            StrawberryTasksError: What the slot failed of, once nothing waits.
        """
        with self._lock:
            state, self._waiting = self._waiting, None
            if self._error is None:
                self._sleep()
            elif state is None:
                raise self._error
            return state


class ManySlot(Slot):
    """The slot of a subscriber to all runs of an owner, or of everybody.

    Args:
        owner: Whose runs; ``None`` is everybody's.
    """

    def __init__(self, owner: str | None, signal: Signal) -> None:
        super().__init__(ALL_TOPIC if owner is None else owner_topic(owner), signal)
        self._live: dict[str, Snapshot] = {}
        self._ended: dict[str, Snapshot] = {}

    @property
    def is_exhausted(self) -> bool:
        """Say no: there may always be another run."""
        return False

    def offer(self, run_id: str, state: Snapshot | None) -> None:
        """Put in a run's present state, which takes the place of an older one that still waits."""
        if state is None:
            return
        with self._lock:
            if state.is_terminal:
                self._live.pop(run_id, None)
                self._ended[run_id] = state
            elif run_id not in self._ended:
                self._live[run_id] = state
            if len(self._live) + len(self._ended) > MAX_WAITING:
                spare = self._live or self._ended
                del spare[next(iter(spare))]
            self._wake()

    def take(self) -> Snapshot | None:
        """Take the longest waiting state, those of ended runs first.

        Raises:
            StrawberryTasksError: What the slot failed of, once nothing waits.
        """
        with self._lock:
            source = self._ended or self._live
            if not source:
                if self._error is not None:
                    raise self._error
                self._sleep()
                return None
            state = source.pop(next(iter(source)))
            if not self._ended and not self._live and self._error is None:
                self._sleep()
            return state


class CallSlot(Slot):
    """Hands the states of a topic's runs to a function, on the hub's own thread.

    Args:
        topic: Which topic.
        call: Gets each state; must not block.
        on_attached: Called when the link to the store has been made, and made again.
    """

    def __init__(self, topic: str, call: Callable[[Snapshot], None], *, on_attached: Callable[[], None]) -> None:
        super().__init__(topic, ThreadSignal())
        self._call = call
        self._on_attached = on_attached

    def attached(self) -> None:
        """Pass it on."""
        self._on_attached()

    def offer(self, run_id: str, state: Snapshot | None) -> None:
        """Hand over a state."""
        if state is not None:
            self._call(state)
