"""Starts runs where the record and the message cannot be written at once: first the record, then the message."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import QueueUnavailableError, StoreUnavailableError
from ..snapshot import Snapshot
from ..stores.base import NewRun, Store
from ..takeback import take_back


def record_and_send(store: Store, runs: Sequence[NewRun], send: Callable[[NewRun], None]) -> list[Snapshot]:
    """Record each run, then send its message; if one fails, none of them is left behind that no worker has begun.

    Raises:
        QueueUnavailableError: If the queue or the store cannot be reached.
    """
    started: list[Snapshot] = []
    try:
        for run in runs:
            started.append(store.create(run))
            if started[-1].id == run.id:  # Else it is a live run of its key, with a message of its own.
                send(run)
    except BaseException as error:
        take_back(store, [run.id for run in runs[: len(started) + 1]])
        if isinstance(error, QueueUnavailableError | StoreUnavailableError):
            raise QueueUnavailableError from error
        raise
    return started
