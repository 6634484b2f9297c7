"""``tasks_inspect``: shows what there is to do, and who does it."""

from __future__ import annotations

from ..command_line import CommandLineCommand


class Command(CommandLineCommand):
    """``strawberry-tasks inspect``."""

    help = "Shows the queues, the workers, and what they perform."
    subcommand = "inspect"
