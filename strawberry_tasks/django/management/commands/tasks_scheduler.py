"""``tasks_scheduler``: starts the project's periodic tasks."""

from __future__ import annotations

from ..command_line import CommandLineCommand


class Command(CommandLineCommand):
    """``strawberry-tasks scheduler``."""

    help = "Starts the project's periodic tasks when they are due. Any number may run: each fire is made once."
    subcommand = "scheduler"
