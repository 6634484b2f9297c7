"""What subscribers got, in a file that survives them."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from strawberry_tasks import Snapshot


class Event(NamedTuple):
    """One state that a subscriber got."""

    version: int
    status: str
    is_terminal: bool


class Streams:
    """A file of events; a subscriber that comes again goes on after the last one of its run."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def write(self, state: Snapshot) -> None:
        """Add an event, in one write."""
        line = f"{state.id} {state.version} {state.status} {state.is_terminal:d}\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def read(self) -> dict[str, list[Event]]:
        """Return the events of each run."""
        events: dict[str, list[Event]] = defaultdict(list)
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                run_id, version, status, is_terminal = line.split()
                events[run_id].append(Event(int(version), status, is_terminal == "1"))
        return events
