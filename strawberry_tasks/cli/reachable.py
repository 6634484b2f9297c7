"""Waits for the servers that tasks need."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import click
from dramatiq.errors import ConnectionClosed

from ..app import Tasks
from ..errors import StoreUnavailableError
from .exit_codes import ExitCode
from .output import CommandError

_PAUSE = 0.5
"""Seconds between two tries."""

wait_option: Callable[[Any], Any] = click.option(
    "--wait",
    type=click.FloatRange(0),
    default=30.0,
    metavar="SECONDS",
    help="How long to wait for Redis at the start.",
)
"""The option of each command that waits for it."""


def wait_for(tasks: Tasks, patience: timedelta) -> None:
    """Return once the store answers.

    Raises:
        CommandError: If it does not in time.
    """
    give_up = time.monotonic() + patience.total_seconds()
    said = False
    while True:
        try:
            tasks.runtime().store.read([""])
        except (StoreUnavailableError, ConnectionClosed) as error:
            left = give_up - time.monotonic()
            if left <= 0:
                seconds = patience.total_seconds()
                raise CommandError(f"{error}\nGave up after {seconds:g} seconds.", ExitCode.UNREACHABLE) from error
            if not said:
                click.echo(f"{error} Waiting for it, at most {patience.total_seconds():g} seconds.", err=True)
            said = True
            time.sleep(min(_PAUSE, left))
        else:
            if said:
                click.echo("It answers.", err=True)
            return
