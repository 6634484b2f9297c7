"""What one process uses to enqueue, perform and watch runs."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple, ParamSpec, Protocol, TypeVar

from .async_attempts import AsyncAttempts
from .backends.base import Backend
from .backends.sync import SyncBackend
from .config import Config
from .control import Control, Restartable
from .coroutines import CoroutineThread
from .dispatch import Dispatch
from .errors import StoreUnavailableError, TaskUnreadableError
from .hub import Hub
from .io_threads import IoThreads
from .keeper import Keeper
from .log import Log, Sender
from .outage import Outage
from .progress import ProgressFlusher
from .results import Results
from .snapshot import Snapshot
from .stores.base import Record, Store
from .stores.records import present
from .surroundings import Surroundings
from .takeback import TakeBack

P = ParamSpec("P")
R = TypeVar("R")


logger = logging.getLogger(__name__)

FLUSH_PATIENCE: Final = timedelta(seconds=5)
"""How long a process that ends waits for what its log has to write."""


class Known(Restartable, Sender, Protocol):
    """What is needed of a task."""


class Ports(NamedTuple):
    """What else has a say in how runs are kept, sent and performed."""

    log: Log | None
    """Remembers runs for longer than the store, if anything does."""

    dispatch: Dispatch
    """Decides when runs are sent."""

    surroundings: Surroundings
    """What a framework wants done around the code of attempts."""


class Runtime:
    """The parts that carry a run, as `Tasks` or a test has put them together.

    Attributes:
        store: Keeps the snapshots.
        backend: Carries runs to their functions.
        hub: Fans the store's changes out.
        flusher: Writes progress.
        keeper: Keeps the leases of what runs.
        control: Ends runs from outside, and starts them again.
        take_back: Takes back runs that could not be sent.
        coroutines: Runs async tasks.
        async_attempts: Performs async tasks that hold no thread each.
        io: Keeps the calls to the store and the queue off the event loops.
        results: Reads what runs have returned.
        log: Remembers runs for longer than the store, if anything does.
        dispatch: Decides when runs are sent.
        surroundings: What a framework wants done around the code of attempts.
    """

    __slots__ = (
        "_find",
        "_outage",
        "async_attempts",
        "backend",
        "control",
        "coroutines",
        "dispatch",
        "flusher",
        "hub",
        "io",
        "keeper",
        "log",
        "results",
        "store",
        "surroundings",
        "take_back",
    )

    def __init__(
        self, *, store: Store, backend: Backend, find: Callable[[str], Known | None], config: Config, ports: Ports
    ) -> None:
        self.store = store
        self.backend = backend
        self.log, self.dispatch, self.surroundings = ports
        self.flusher = ProgressFlusher(store.apply, interval=config.progress_interval)
        self.control = Control(
            store, find, hurry=backend.hurry, dispatch=self.dispatch, log=self.log, changed=self.changed
        )
        self.hub = Hub(store.feed, sweep=self.sweep, find_absent=self._find_in_thread)
        self.keeper = Keeper(store, self.hub, lease=config.lease)
        self.take_back = TakeBack(store)
        self.coroutines = CoroutineThread()
        self.async_attempts = AsyncAttempts(self, concurrency=config.async_concurrency)
        self.io = IoThreads(self.surroundings)
        self.results = Results(self.read_result)
        self._find = find
        self._outage = Outage(logger)

    async def off_loop(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function that does I/O without blocking the running event loop; context variables are passed on.

        Raises:
            StoreUnavailableError: If the call waited for others that found the store or the queue away.
        """
        context = contextvars.copy_context()
        return await self.surroundings.off_loop(lambda: context.run(function, *args, **kwargs), self.io.call)

    def changed(self, run_id: str) -> None:
        """Tell the log, if there is one, that this process has changed a run's state."""
        if self.log is not None:
            self.log.changed(run_id, self.store, wait=isinstance(self.backend, SyncBackend))

    def sweep(self) -> None:
        """Take runs from lost workers, and have what has expired forgotten; tell of it once where the store is away."""
        try:
            self.control.sweep()
        except StoreUnavailableError as error:
            self._outage.note("The store is not swept: %s", error)
        else:
            self._outage.end("The store is swept again.")

    def tend_log(self) -> None:
        """Bring the log, if there is one, and the store together."""
        if self.log is not None:
            with self.surroundings.in_thread():
                self.log.tend(self.store, self._find)

    def flush_log(self) -> None:
        """Wait for what the log, if there is one, has to write."""
        if self.log is not None:
            self.log.flush(FLUSH_PATIENCE)

    def find(self, run_id: str) -> Snapshot | None:
        """Return a run's present state; one that the store does not have any more as the log has it.

        Raises:
            StoreUnavailableError: If the store does not answer, and the log does not know that the run has ended.
            TaskUnreadableError: If its record cannot be read, and the log does not know that it has ended.
        """
        try:
            run = present(self.store.read([run_id])[0])
        except (StoreUnavailableError, TaskUnreadableError):
            if (past := self._find_elsewhere(run_id)) is None or not past.is_terminal:
                raise
            return past
        return self.find_absent(run_id) if run is None else run

    def find_record(self, run_id: str) -> Record | None:
        """Return a run and what it was started with, as `find` does.

        Raises:
            StoreUnavailableError: If the store does not answer, and the log does not know that the run has ended.
            TaskUnreadableError: If its record cannot be read, and the log does not know that it has ended.
        """
        try:
            record = self.store.load(run_id)
        except (StoreUnavailableError, TaskUnreadableError):
            if (past := self._record_elsewhere(run_id)) is None or not past.snapshot.is_terminal:
                raise
            return past
        # What waits for a commit may have been sent in between.
        return record or self._record_elsewhere(run_id) or self.store.load(run_id)

    def find_absent(self, run_id: str) -> Snapshot | None:
        """Return a run that the store did not have: not yet, or not any more.

        Raises:
            StoreUnavailableError: If the store does not answer.
        """
        elsewhere = self._find_elsewhere(run_id)
        if elsewhere is not None and elsewhere.is_terminal:
            return elsewhere
        # It may have been sent in between.
        run = present(self.store.read([run_id])[0])
        return elsewhere if run is None else run

    def _find_in_thread(self, run_id: str) -> Snapshot | None:
        with self.surroundings.in_thread():
            return self.find_absent(run_id)

    def _find_elsewhere(self, run_id: str) -> Snapshot | None:
        record = self._record_elsewhere(run_id)
        return None if record is None else record.snapshot

    def _record_elsewhere(self, run_id: str) -> Record | None:
        return self.dispatch.held(run_id) or (None if self.log is None else self.log.read(run_id))

    def read_result(self, run_id: str) -> str | None:
        """Return what a run has returned, as JSON text; ``None`` if there is no such run, or it is not COMPLETED.

        Raises:
            StoreUnavailableError: If the store does not answer, and the log does not have it.
        """
        if self.log is None:
            return self.store.result(run_id)
        try:
            found = self.store.result(run_id)
        except StoreUnavailableError:
            if (found := self.log.result(run_id)) is None:
                raise
            return found
        return self.log.result(run_id) if found is None else found

    def close(self) -> None:
        """Stop what runs inside this process, and give back connections."""
        self.backend.close()
        self.take_back.close()
        self.async_attempts.close()
        self.keeper.close()
        self.flusher.close()
        self.hub.close()
        self.coroutines.close()
        self.io.close()
        self.flush_log()
        self.store.close()
