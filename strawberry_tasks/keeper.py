"""Keeps the leases of the attempts that run in this process, and tells them to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from .errors import StoreUnavailableError, TaskCanceled
from .hub import Hub
from .outage import Outage
from .snapshot import Snapshot
from .stop import AttemptGivenBack, AttemptLost, StopSignal
from .stores.base import CANCEL_TOPIC, AttemptId, Lease, Store

logger = logging.getLogger(__name__)

FIRST_LOOK: Final = 0.05
"""Seconds after which the first attempt of a process is worth a thread's work and a link; many are over by then."""

LINGER: Final = 5.0
"""Seconds that the thread stays when there is no attempt."""

RETRY_PAUSE: Final = 1.0
"""The longest pause between two tries while the store is away, in seconds."""

_REMEMBERED: Final = 1000
"""How many requests to cancel are remembered that came before their attempt was held."""


class _Held(NamedTuple):
    """An attempt that is kept leased."""

    stop: StopSignal
    abandon: Callable[[], None]


class Keeper:
    """One thread renews all leases, in one round trip each third of a lease; it starts with the first attempt.

    Args:
        store: Where the attempts are leased.
        hub: Tells of runs that are to be canceled; a renewal tells of those that it missed.
        lease: How long an attempt lives that is not renewed.
    """

    def __init__(self, store: Store, hub: Hub, *, lease: timedelta) -> None:
        self._store = store
        self._hub = hub
        self._pause = lease.total_seconds() / 3
        self._lock = threading.Lock()
        self._held: dict[AttemptId, _Held] = {}
        self._asked: OrderedDict[AttemptId, None] = OrderedDict()
        self._wake = threading.Event()
        self._is_asleep = False
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._outage = Outage(logger)

    def hold(self, run: Snapshot, stop: StopSignal, *, abandon: Callable[[], None] = lambda: None) -> None:
        """Keep an attempt leased until it is released.

        Args:
            run: The run as the attempt has claimed it.
            stop: Told when the attempt has to stop.
            abandon: Called when it has not stopped in time, and its process ends.
        """
        attempt = AttemptId(run.id, run.attempt)
        with self._lock:
            self._held[attempt] = _Held(stop, abandon)
            if attempt in self._asked:
                stop.send(TaskCanceled)
            if self._thread is None or not self._thread.is_alive():  # A forked child has the object, not the thread.
                self._thread = threading.Thread(target=self._run, name="strawberry-tasks-keeper", daemon=True)
                self._thread.start()
            elif self._is_asleep:
                self._wake.set()

    def release(self, run: Snapshot) -> None:
        """Leave an attempt that has ended; harmless when it was left before."""
        with self._lock:
            self._held.pop(AttemptId(run.id, run.attempt), None)

    def give_back(self, patience: timedelta) -> None:
        """Tell all attempts to stop, so that their runs go on in another process.

        Args:
            patience: How long their functions may take to end. The runs of others are given back though they go on until the
                process ends; nothing that they still write counts.
        """
        self.tell_to_leave()
        give_up = time.monotonic() + patience.total_seconds()
        while not self.is_idle() and time.monotonic() < give_up:
            time.sleep(0.02)
        for attempt in self._present():
            try:
                attempt.abandon()
            except StoreUnavailableError as error:
                logger.warning("A run could not be given back, and is lost with its lease: %s", error)

    def tell_to_leave(self) -> None:
        """Tell all attempts to stop, and do not wait."""
        for attempt in self._present():
            attempt.stop.send(AttemptGivenBack)

    def _present(self) -> Sequence[_Held]:
        with self._lock:
            return list(self._held.values())

    def runs(self) -> list[str]:
        """Return the ids of the runs whose attempts are held."""
        with self._lock:
            return [attempt.run_id for attempt in self._held]

    def is_idle(self) -> bool:
        """Tell whether no attempt is held."""
        with self._lock:
            return not self._held

    def close(self) -> None:
        """Stop the thread; the leases of what runs still lapse."""
        self._closed.set()
        self._wake.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    def _run(self) -> None:
        if self._closed.wait(FIRST_LOOK):
            return
        leave = self._hub.watch_topic(CANCEL_TOPIC, self._canceled, on_attached=self._wake.set)
        try:
            while not self._closed.is_set() and not self._is_left_alone():
                self._wake.wait(self._renew_held())
                self._wake.clear()
        finally:
            leave()

    def _is_left_alone(self) -> bool:
        """Wait for an attempt if there is none, and tell whether none came."""
        with self._lock:
            self._is_asleep = not self._held
        if not self._is_asleep:
            return False
        self._wake.wait(LINGER)
        with self._lock:
            self._is_asleep = False
            if self._held or self._closed.is_set():
                return False
            self._thread = None
            return True

    def _renew_held(self) -> float:
        """Renew all leases, and return how many seconds to sleep."""
        with self._lock:
            held = list(self._held)
        # One that comes meanwhile is renewed before a third of its lease is over.
        return self._pause if self._renew(held) else min(self._pause, RETRY_PAUSE)

    def _renew(self, held: Sequence[AttemptId]) -> bool:
        try:
            answers = self._store.renew(held)
        except StoreUnavailableError as error:
            self._outage.note("The leases of %d runs wait for the store: %s", len(held), error)
            return False
        except Exception:
            logger.exception("The leases of %d runs could not be renewed.", len(held))
            return False
        self._outage.end("Leases are renewed again.")
        for attempt, answer in zip(held, answers, strict=True):
            if answer is not Lease.HELD:
                self._stop(attempt, TaskCanceled if answer is Lease.CANCELED else AttemptLost)
        return True

    def _canceled(self, run: Snapshot) -> None:
        attempt = AttemptId(run.id, run.attempt)
        with self._lock:
            self._asked[attempt] = None
            if len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)
        self._stop(attempt, TaskCanceled)

    def _stop(self, attempt: AttemptId, reason: type[TaskCanceled]) -> None:
        with self._lock:
            held = self._held.get(attempt)
        # One that is over may have been ended by a write whose answer was lost.
        if held is None or held.stop.is_over:
            return
        if issubclass(reason, AttemptLost):
            # No warning: it may just have written its end. If it has not, its outcome will be refused, and that is one.
            logger.info("Attempt %d of run %s has lost its lease.", attempt.attempt, attempt.run_id)
        held.stop.send(reason)
