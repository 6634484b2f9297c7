"""Parts that fail on purpose, in place of those of `Tasks`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from strawberry_tasks import Snapshot, Tasks
from strawberry_tasks.backends.base import Backend
from strawberry_tasks.backends.start import record_and_send
from strawberry_tasks.backends.sync import SyncBackend
from strawberry_tasks.errors import StoreUnavailableError
from strawberry_tasks.lifecycle import Work
from strawberry_tasks.stores.base import Change, NewRun, Store
from strawberry_tasks.stores.memory import MemoryStore


class BrokenBackend:
    """Takes no message."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def register(self, work: Work) -> None:
        """Nothing to prepare."""

    def start(self, work: Work, runs: Sequence[NewRun], *, store: Store) -> Sequence[Snapshot]:
        """Record the runs, and fail to send their messages."""
        return record_and_send(store, runs, raising(self._error))

    def is_atomic(self, store: Store) -> bool:
        """Tell that it is not."""
        return False

    def send(self, work: Work, run_id: str, *, queue: str, delay: timedelta | None) -> None:
        """Fail."""
        raise self._error

    def hurry(self, run_id: str, queue: str) -> None:
        """Nothing to hurry."""

    def close(self) -> None:
        """Nothing to stop."""


class FlakyStore(MemoryStore):
    """Is away for the first calls of some of its methods."""

    def __init__(self, *, create: int = 0, apply: int = 0, discard: int = 0) -> None:
        super().__init__(result_ttl=timedelta(minutes=1))
        self.left = {"create": create, "apply": apply, "discard": discard}

    def create(self, run: NewRun) -> Snapshot:
        """Record the run, unless away."""
        self._count("create")
        return super().create(run)

    def apply(self, changes: Sequence[Change]) -> list[int | None]:
        """Apply, unless away."""
        self._count("apply")
        return super().apply(changes)

    def discard(self, run_id: str) -> Snapshot | None:
        """Forget, unless away."""
        self._count("discard")
        return super().discard(run_id)

    def _count(self, method: str) -> None:
        if self.left[method]:
            self.left[method] -= 1
            raise StoreUnavailableError("The store is away.")


@contextmanager
def away(tasks: Tasks, backend: Backend | None = None, store: MemoryStore | None = None) -> Iterator[MemoryStore]:
    """Use a failing backend, or a failing store with runs performed inline."""
    store = store or MemoryStore(result_ttl=timedelta(minutes=1))
    runtime = tasks.runtime_over(store, backend or SyncBackend(tasks.perform))
    with tasks.replaced(runtime):
        try:
            yield store
        finally:
            runtime.close()


def raising(error: BaseException) -> Callable[..., None]:
    """Make a function that raises."""

    def function(*_: object) -> None:
        raise error

    return function
