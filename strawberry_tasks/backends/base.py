"""The backend port: what carries a run to its function."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from ..lifecycle import Settle, Work
from ..outcome import Verdict
from ..snapshot import Failure, Snapshot
from ..stores.base import NewRun, Store

if TYPE_CHECKING:
    from .upkeep import Upkeep


class Perform(Protocol):
    """Performs one attempt of a run: `lifecycle.perform` with this process's store."""

    def __call__(self, work: Work, run_id: str, settle: Settle | None = None) -> Verdict:
        """Perform it; ``settle`` writes how it ended, by default to the store alone."""


class Fail(Protocol):
    """Ends a run that no attempt will follow: `lifecycle.fail` with this process's store."""

    def __call__(self, run_id: str, failure: Failure) -> None:
        """End it as FAILED, unless it has ended."""


class CeleryApp(Protocol):
    """A ``celery.Celery``, as far as type checkers need to know one."""

    def set_current(self) -> None:
        """Celery's own."""


class Carrier(Protocol):
    """What a framework brings along as its backend."""

    is_inline: bool
    """Whether it performs a run in the process that enqueues it."""

    def open_backend(self, upkeep: Upkeep) -> Backend:
        """Make the backend, whose workers have this looked after; it connects to nothing."""


class Backend(Protocol):
    """Delivers the messages of runs, and has each performed."""

    def register(self, work: Work) -> None:
        """Make a task known, so that this process may send its runs and, as a worker, perform them."""

    def start(self, work: Work, runs: Sequence[NewRun], *, store: Store) -> Sequence[Snapshot]:
        """Record runs of a task and send their messages; the record of each is there before its message.

        Raises:
            QueueUnavailableError: If the queue or the store cannot be reached. Some records may be there; the caller takes them back.
        """

    def is_atomic(self, store: Store) -> bool:
        """Tell whether `start` records a run and sends its message in one step, which may be repeated when its answer was lost."""

    def send(self, work: Work, run_id: str, *, queue: str, delay: timedelta | None) -> None:
        """Hand over the message of a run that the store knows, because it was lost or has to wait again.

        Raises:
            QueueUnavailableError: If the queue did not take it.
        """

    def hurry(self, run_id: str, queue: str) -> None:
        """Deliver the message of a run now that was put off, where that is possible.

        Raises:
            QueueUnavailableError: If the queue cannot be reached.
        """

    def close(self) -> None:
        """Stop what the backend runs inside this process; waits for the attempts that are running."""
