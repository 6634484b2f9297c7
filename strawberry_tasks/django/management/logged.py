"""What the commands about the table of runs have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from django.core.management.base import CommandError
from django.db import Error as DatabaseFailure
from django.db.models import QuerySet

from ...cli.exit_codes import ExitCode
from ..conf import SETTING, DjangoSettings
from ..models import TaskExecution

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@contextmanager
def database_wanted() -> Iterator[None]:
    """Say what to do where the database, or the table in it, is not there.

    Raises:
        CommandError: If so.
    """
    try:
        yield
    except DatabaseFailure as error:
        raise CommandError(
            f"The database cannot be used: {str(error).strip()}. Is it there, and has `manage.py migrate` been run?",
            returncode=ExitCode.UNREACHABLE,
        ) from error


def logged_runs(settings: DjangoSettings) -> QuerySet[TaskExecution]:
    """Return all rows of the table of runs.

    Raises:
        CommandError: If there is none.
    """
    if not settings.track_in_database:
        raise CommandError(f"{SETTING}['TRACK_IN_DATABASE'] is False: there is no table of runs to look at.")
    return TaskExecution.objects.using(settings.database)


def counted(count: int) -> str:
    """Return ``1 run`` or ``2 runs``."""
    return f"{count} {'run' if count == 1 else 'runs'}"


def read_age(text: str) -> timedelta:
    """Read how long ago something was, such as ``90s``, ``30m``, ``12h``, ``7d`` or ``2w``.

    Raises:
        ValueError: If it is nothing like that.
    """
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdigit()):
        raise ValueError(f"expected a number and one of s, m, h, d, w, such as 12h, got {text!r}.")
    try:
        age = timedelta(seconds=int(number) * _UNITS[unit])
        datetime.now(UTC) - age  # It may be before the year 1.
    except OverflowError:
        raise ValueError(f"{text!r} is too long ago.") from None
    return age
