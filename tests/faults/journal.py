"""What tasks note outside Redis about each execution, so that nothing a fault does to Redis can hide it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple


class Note(NamedTuple):
    """One line of a journal."""

    run_id: str
    attempt: int
    word: str
    """``begun``, ``reported``, or ``ending``: the function is about to return or to raise."""

    pid: int
    """The process that executes it."""

    at: float = 0.0
    """When it was written, in seconds since the epoch."""


class Journal:
    """A file to which any number of processes append lines.

    Attributes:
        path: The argument of the tasks that write it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)

    def write(self, run_id: str, attempt: int, word: str) -> None:
        """Add a line; it is one write, so that no other process's line stands in it."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(descriptor, f"{run_id} {attempt} {word} {os.getpid()} {time.time()}\n".encode())
        finally:
            os.close(descriptor)

    def read(self) -> list[Note]:
        """Return all lines."""
        if not Path(self.path).exists():
            return []
        lines = [line.split() for line in Path(self.path).read_text().splitlines()]
        return [Note(run_id, int(attempt), word, int(pid), float(at)) for run_id, attempt, word, pid, at in lines]

    def executions(self, run_id: str) -> list[int]:
        """Return the number of each attempt that was begun, in order."""
        return [note.attempt for note in self.read() if note.run_id == run_id and note.word == "begun"]

    def has(self, run_id: str, word: str, attempt: int | None = None) -> bool:
        """Tell whether there is such a line, of any attempt if it does not say which."""
        return any(
            note.run_id == run_id and note.word == word and attempt in (None, note.attempt) for note in self.read()
        )
