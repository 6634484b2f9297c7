"""``tasks_cancel``: asks a run to stop."""

from __future__ import annotations

from ..command_line import CommandLineCommand


class Command(CommandLineCommand):
    """``strawberry-tasks cancel``."""

    help = "Asks a run to stop; harmless when it was asked before."
    subcommand = "cancel"
