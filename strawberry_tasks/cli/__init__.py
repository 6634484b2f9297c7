"""The command line: `strawberry-tasks`, with one module for each command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say what it lacks."""
    try:
        from .commands import commands  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        sys.exit(f"strawberry-tasks needs the package {error.name!r}. Run: pip install 'strawberry-tasks[cli]'")
    commands(prog_name="strawberry-tasks")
