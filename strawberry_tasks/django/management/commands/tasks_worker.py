"""``tasks_worker``: performs runs of the project's tasks."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.db import connections

from ..command_line import CommandLineCommand


class Command(CommandLineCommand):
    """``strawberry-tasks worker``; with ``--reload``, for development, it starts anew when the project's code changes."""

    help = "Performs runs of the project's tasks, in Dramatiq's worker processes. SIGTERM ends it in good order."
    subcommand = "worker"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what is Django's."""
        super().add_arguments(parser)
        parser.add_argument(
            "--queues", dest="weights", metavar="NAME[:WEIGHT]", action="extend", nargs="+", help="The same as --queue."
        )
        parser.add_argument(
            "--reload",
            action="store_true",
            help="Start anew when a Python file below the current directory changes; for development, needs dramatiq[watch].",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the worker."""
        if options["reload"]:
            options["watch"] = options["watch"] or str(Path.cwd())
        # The worker's processes are forked from this one, and could not share a connection.
        connections.close_all()
        super().handle(*args, **options)
