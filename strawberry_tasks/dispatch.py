"""The dispatch port: decides when a run that was enqueued is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .log import Sender
from .snapshot import Snapshot
from .stores.base import NewRun, Record


class Dispatch(Protocol):
    """Sends runs, now or later. What it holds back exists for the caller, though neither store nor queue know of it."""

    def __call__(self, task: Sender, runs: Sequence[NewRun]) -> Sequence[Snapshot]:
        """Have runs of a task sent, and return each as it is now.

        Raises:
            QueueUnavailableError: If they were to be sent now, and the queue or the store cannot be reached. Nothing is left.
        """

    def held(self, run_id: str) -> Record | None:
        """Return a run that is held back by this process, ``None`` if it holds no such run."""

    def cancel(self, run_id: str) -> Snapshot | None:
        """Cancel a run that is held back, and return it; ``None`` if this process holds no such run."""


class SendAtOnce:
    """Sends each run as it comes."""

    def __call__(self, task: Sender, runs: Sequence[NewRun]) -> Sequence[Snapshot]:
        """Send them."""
        return task.send(runs)

    def held(self, run_id: str) -> Record | None:
        """Say that none is held."""
        return None

    def cancel(self, run_id: str) -> Snapshot | None:
        """Say that none is held."""
        return None
