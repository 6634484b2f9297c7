"""All commands, and what becomes of the errors that they meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click
from dramatiq.errors import ConnectionClosed

from ..errors import (
    ConfigurationError,
    QueueUnavailableError,
    ScheduleNotFoundError,
    StoreUnavailableError,
    TaskInputError,
    TaskNotFoundError,
    TaskNotRetryableError,
    TaskUnreadableError,
)
from .check import check
from .dead import dead
from .exit_codes import ExitCode
from .output import CommandError
from .overview import inspect_command
from .runs import cancel, enqueue, retry
from .schedules import scheduler, schedules
from .top import top
from .unreadable import unreadable
from .worker import worker

_CODES: Final[Mapping[type[Exception], ExitCode]] = {
    StoreUnavailableError: ExitCode.UNREACHABLE,
    QueueUnavailableError: ExitCode.UNREACHABLE,
    ConnectionClosed: ExitCode.UNREACHABLE,
    ScheduleNotFoundError: ExitCode.REFUSED,
    TaskNotFoundError: ExitCode.REFUSED,
    TaskNotRetryableError: ExitCode.REFUSED,
    TaskUnreadableError: ExitCode.REFUSED,
    TaskInputError: ExitCode.USAGE,
    ConfigurationError: ExitCode.USAGE,
}


class Commands(click.Group):
    """Says what went wrong in one line, with the exit code that is documented for it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except tuple(_CODES) as error:
            code = next(code for kind, code in _CODES.items() if isinstance(error, kind))
            raise CommandError(str(error), code) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="strawberry-tasks")
def commands() -> None:
    """Run and watch the tasks of strawberry_tasks.

    APP names the tasks: module:attribute, e.g. myapp.tasks:tasks, or the module alone if it has one Tasks.
    """


for command in (worker, inspect_command, top, enqueue, cancel, retry, dead, unreadable, check, scheduler, schedules):
    commands.add_command(command)
