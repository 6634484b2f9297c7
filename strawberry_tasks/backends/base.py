"""The backend port: what carries a run to its function."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from ..lifecycle import Verdict, Work

Perform = Callable[[Work, str], Verdict]
"""Performs one attempt of a run, as `lifecycle.perform` does with this process's store."""


class Backend(Protocol):
    """Delivers the messages of runs, and has each performed."""

    inline: bool
    """Whether `send` returns only after the run has ended."""

    def register(self, work: Work) -> None:
        """Make a task known, so that this process may send its runs and, as a worker, perform them."""

    def send(self, work: Work, run_id: str, *, queue: str, delay: timedelta | None) -> None:
        """Hand over the message of a run that the store knows.

        Raises:
            QueueUnavailableError: If the queue did not take it.
        """

    def close(self) -> None:
        """Stop what the backend runs inside this process; waits for the attempts that are running."""
