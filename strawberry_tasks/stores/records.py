"""How the text fields of a record become a snapshot, and what becomes of a record that cannot be read."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from ..errors import TaskUnreadableError
from ..snapshot import Snapshot, from_fields, legible_fields

logger = logging.getLogger(__name__)

Reading: TypeAlias = "Snapshot | TaskUnreadableError | None"
"""What was read of a run: its state; an error if its record cannot be read; ``None`` if there is none."""

MAX_TOLD: Final = 1000
"""Of how many unreadable records a process remembers that it has told of them."""

_NEEDED: Final = ("id", "name", "queue", "status", "version", "created_at")


def snapshot_from(run_id: str, texts: Mapping[str, str]) -> Snapshot:
    """Build the snapshot of a record.

    Args:
        run_id: Whose record it is.
        texts: Its fields; those that are unknown are ignored.

    Raises:
        TaskUnreadableError: If it is damaged, or another version wrote it in a way that is unknown here.
    """
    try:
        run = from_fields(texts)
        # The defaults of a snapshot are not those of a record that was cut.
        if missing := [name for name in _NEEDED if not texts.get(name)]:
            raise ValueError(f"{', '.join(missing)}: expected a value, got none")
        if run.id != run_id:
            raise ValueError(f"id: expected {run_id!r}, got {run.id!r}")
    except ValueError as error:
        raise unreadable(run_id, str(error), texts) from error
    return run


def reading_of(run_id: str, texts: Mapping[str, str]) -> Snapshot | TaskUnreadableError:
    """Build the snapshot of a record as `snapshot_from` does, and return the error if it cannot be read."""
    try:
        return snapshot_from(run_id, texts)
    except TaskUnreadableError as error:
        return error


def unreadable(run_id: str, reason: str, texts: Mapping[str, str] | None = None) -> TaskUnreadableError:
    """Make the error of a record that cannot be read."""
    legible = {"name": "", "queue": "", **legible_fields(texts or {}), "id": run_id}
    return TaskUnreadableError(run_id, reason, legible=Snapshot(**legible))


def present(reading: Reading) -> Snapshot | None:
    """Return what was read of a run.

    Raises:
        TaskUnreadableError: If its record cannot be read.
    """
    if isinstance(reading, TaskUnreadableError):
        raise reading
    return reading


def legible(readings: Iterable[Reading]) -> list[Snapshot]:
    """Return the runs that are there and can be read."""
    return [reading for reading in readings if isinstance(reading, Snapshot)]


class UnreadableLog:
    """Tells of each record that cannot be read, once: it is read again and again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: OrderedDict[str, None] = OrderedDict()

    def note(self, reading: Reading) -> None:
        """Tell of a record if it cannot be read."""
        if not isinstance(reading, TaskUnreadableError):
            return
        with self._lock:
            if reading.run_id in self._told:
                return
            self._told[reading.run_id] = None
            if len(self._told) > MAX_TOLD:
                self._told.popitem(last=False)
        logger.error("The record of run %s cannot be read, and is left out: %s", reading.run_id, reading.reason[:500])
