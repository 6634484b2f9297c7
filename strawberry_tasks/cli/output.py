"""How commands end, and what they say to scripts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click
from rich.text import Text

from ..snapshot import Snapshot
from ..status import TaskStatus
from .exit_codes import ExitCode


class CommandError(click.ClickException):
    """Ends a command with a message and a documented exit code."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message)
        self.code = code

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # click has a number for all of a class
        """What the process ends with."""
        return int(self.code)


OUTCOMES = {
    TaskStatus.COMPLETED: 0,
    TaskStatus.FAILED: int(ExitCode.FAILED),
    TaskStatus.CANCELED: int(ExitCode.CANCELED),
}
"""What a command ends with that has followed a run."""

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for scripts. Its keys are part of the interface."
)
"""The option of each command that a script may want to read."""


def printable(text: str) -> str:
    """Return a text in one line, without what a terminal would obey: tasks and clients may say anything."""
    return "".join(character if character.isprintable() else " " for character in text)


def cell(text: str) -> Text:
    """Return what a table shows of a text: the text, and not what its markup would say."""
    return Text(printable(text))


def print_json(data: object) -> None:
    """Print one line of JSON."""
    click.echo(json.dumps(data, ensure_ascii=False))


def run_data(run: Snapshot, read_result: Callable[[str], str | None]) -> dict[str, object]:
    """Return what scripts are told of a run.

    Args:
        run: The run.
        read_result: Reads a run's result, as `Runtime.read_result` does.
    """
    result = read_result(run.id) if run.status is TaskStatus.COMPLETED else None
    return {
        "id": run.id,
        "name": run.name,
        "queue": run.queue,
        "status": str(run.status),
        "attempt": run.attempt,
        "progress": run.progress,
        "message": run.progress_message,
        "error": run.error,
        "result": result and json.loads(result),
        "createdAt": None if run.created_at is None else run.created_at.isoformat(),
        "startedAt": None if run.started_at is None else run.started_at.isoformat(),
        "completedAt": None if run.completed_at is None else run.completed_at.isoformat(),
    }
