"""The log port: what remembers runs for longer than the store does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from .snapshot import Snapshot
from .status import TaskStatus
from .stores.base import NewRun, Page, Record, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs a list is to have."""

    owner: str | None = None
    """Whose; ``None`` is everybody's."""

    status: Sequence[TaskStatus] = ()
    """In one of these; none is in any."""

    name: str | None = None
    """Of the task of that name."""

    tag: str | None = None
    """With that tag."""

    def matches(self, run: Snapshot) -> bool:
        """Tell whether a run is wanted; who owns it is not looked at."""
        if self.status and run.status not in self.status:
            return False
        return self.name in {None, run.name} and (self.tag is None or self.tag in run.tags)


class Sender(Protocol):
    """What sends runs of one task; `Task` does."""

    def send(self, runs: Sequence[NewRun], *, undo: bool = True) -> Sequence[Snapshot]:
        """Record runs and send their messages; one that was sent before stays as it is.

        Args:
            runs: The runs.
            undo: Whether a failure takes them back, and drops their uploads.

        Raises:
            QueueUnavailableError: If the queue or the store cannot be reached.
        """

    def standing(self, run: NewRun) -> Snapshot | None:
        """Return the run that `send` would return instead of this one, as things are now."""

    def release(self, arguments: str) -> None:
        """Drop what was kept for a run outside the store, such as uploaded files."""


class Log(Protocol):
    """Keeps a record of each run beyond the store's own.

    It is told that a run has changed, and never to what: it reads the store. All methods may be called from any thread.
    """

    def changed(self, run_id: str, store: Store, *, wait: bool) -> None:
        """Hear that this process has changed a run's state. Must not raise, and not block unless it is to wait.

        Args:
            run_id: Which run.
            store: Where its state is.
            wait: Whether to have it written before this returns.
        """

    def note(self, runs: Sequence[NewRun]) -> None:
        """Begin the records of runs that were sent without being dispatched; harmless for those that have one. Must not raise."""

    def read(self, run_id: str) -> Record | None:
        """Return a run as it was last heard of, ``None`` if there is no such run."""

    def result(self, run_id: str) -> str | None:
        """Return what a run has returned, as JSON text; ``None`` if there is no such run, or it is not COMPLETED."""

    def list(self, wanted: Wanted, *, first: int, after: str | None = None) -> Page:
        """Return a page of runs, newest first.

        Args:
            wanted: Which runs.
            first: At most so many.
            after: The `Page.cursor` of the page before, or the `cursors.cursor_of` any run.

        Raises:
            ValueError: If ``after`` is no cursor.
        """

    def tend(self, store: Store, find: Callable[[str], Sender | None]) -> None:
        """Bring the log and the store together; workers call it now and then.

        Args:
            store: Where the runs are.
            find: Finds a task by its name; ``None`` if this process does not know it.
        """

    def flush(self, patience: timedelta) -> None:
        """Wait until what has changed is written, for so long at the most."""
