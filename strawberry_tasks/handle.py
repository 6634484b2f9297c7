"""A started run, as Python code holds it: watch it, await its result."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from typing import Final, Generic, TypeVar

from .errors import StoreUnavailableError, TaskCanceledError, TaskFailedError, TaskNotFoundError
from .runtime import Runtime
from .snapshot import JSON, Snapshot
from .status import TaskStatus

R = TypeVar("R")

_PAUSES: Final = (0.05, 0.25, 1.0, 2.0)
"""Seconds between the tries to read a result when the store went away just as its run had ended."""


class Handle(Generic[R]):
    """A run that was started.

    Attributes:
        id: The run's id, as GraphQL clients know it.
        started: The run's state when it was enqueued; `refresh` reads the present one.
    """

    def __init__(self, started: Snapshot, load: Callable[[JSON], R], runtime: Callable[[], Runtime]) -> None:
        self.id = started.id
        self.started = started
        self._load = load
        self._runtime = runtime

    def __repr__(self) -> str:
        return f"<Handle {self.started.name} {self.id}>"

    def is_of(self, runtime: Callable[[], Runtime]) -> bool:
        """Tell whether it belongs to the `Tasks` whose runtime this is."""
        return self._runtime == runtime

    def refresh(self) -> Snapshot:
        """Return the run's present state.

        Raises:
            TaskNotFoundError: If the record has expired.
            StoreUnavailableError: If the store does not answer.
        """
        run = self._runtime().find(self.id)
        if run is None:
            raise TaskNotFoundError(self.id)
        return run

    async def arefresh(self) -> Snapshot:
        """`refresh` for async code."""
        return await self._runtime().off_loop(self.refresh)

    def updates(self, *, after: int | None = None) -> AsyncGenerator[Snapshot, None]:
        """Iterate over the run's states: the present one, then each newer one; ends after the terminal one.

        Args:
            after: Skip states up to this version, because they are known.

        Raises:
            TaskNotFoundError: If the record has expired.
        """
        return self._runtime().hub.watch_run(self.id, after=after)

    def result(self, timeout: timedelta | None = None) -> R:
        """Wait for the run to end, and return what its function returned. Not for use on an event loop: see `aresult`.

        Args:
            timeout: How long to wait at the most; ``None`` waits as long as it takes.

        Raises:
            TaskFailedError: If it failed.
            TaskCanceledError: If it was canceled.
            TaskNotFoundError: If the record has expired.
            TypeError: If ``timeout`` is no `timedelta`.
            TimeoutError: If it has not ended in time; the run goes on.
        """
        run = self._runtime().hub.wait(self.id, _seconds(timeout))
        for pause in _PAUSES:
            try:
                return self._outcome(run)
            except StoreUnavailableError:
                time.sleep(pause)
        return self._outcome(run)

    async def aresult(self, timeout: timedelta | None = None) -> R:
        """`result` for async code."""
        runtime = self._runtime()
        run = await runtime.hub.await_end(self.id, _seconds(timeout))
        for pause in _PAUSES:
            try:
                return await runtime.off_loop(self._outcome, run)
            except StoreUnavailableError:
                await asyncio.sleep(pause)
        return await runtime.off_loop(self._outcome, run)

    def cancel(self) -> Snapshot:
        """Ask for the run to stop, and return its state; harmless when it has ended, or was asked before.

        A run that no worker has is CANCELED at once. One that is RUNNING is when its function notices: see
        `TaskContext.check_canceled`.

        Raises:
            TaskNotFoundError: If the record has expired.
            StoreUnavailableError: If the store does not answer.
        """
        return self._runtime().control.cancel(self.id)

    async def acancel(self) -> Snapshot:
        """`cancel` for async code."""
        return await self._runtime().off_loop(self.cancel)

    def retry(self) -> Handle[R]:
        """Start the run again, if it has FAILED or was CANCELED, as a new run with the same arguments.

        Raises:
            TaskNotFoundError: If the record has expired.
            TaskNotRetryableError: If it has not ended like that, or its uploaded files are gone.
            QueueUnavailableError: If the queue cannot be reached. Nothing was started.
        """
        return Handle(self._runtime().control.retry(self.id), self._load, self._runtime)

    async def aretry(self) -> Handle[R]:
        """`retry` for async code."""
        return await self._runtime().off_loop(self.retry)

    def _outcome(self, run: Snapshot) -> R:
        if run.status is TaskStatus.CANCELED:
            raise TaskCanceledError(run.id)
        if run.failure is not None:
            raise TaskFailedError(run.id, run.failure.code, run.failure.message)
        text = self._runtime().read_result(run.id)
        if text is None:
            raise TaskNotFoundError(run.id)
        return self._load(json.loads(text))


def _seconds(timeout: object) -> float | None:
    if timeout is None:
        return None
    if not isinstance(timeout, timedelta):
        raise TypeError(f"timeout: expected a timedelta, got {timeout!r}. Write timedelta(seconds={timeout}).")
    return timeout.total_seconds()
