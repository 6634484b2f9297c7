"""Starts runs where the record and the message cannot be written at once: first the record, then the message."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import QueueUnavailableError, StoreUnavailableError
from ..snapshot import Snapshot
from ..stores.base import NewRun, Store


def record_and_send(store: Store, runs: Sequence[NewRun], send: Callable[[NewRun], None]) -> list[Snapshot]:
    """Record each run, then send its message.

    Raises:
        QueueUnavailableError: If the queue or the store cannot be reached; some records may be there without a message.
    """
    started: list[Snapshot] = []
    try:
        for run in runs:
            started.append(store.create(run))
            if started[-1].id == run.id:  # Else it is a live run of its key, with a message of its own.
                send(run)
    except StoreUnavailableError as error:
        raise QueueUnavailableError from error
    return started
