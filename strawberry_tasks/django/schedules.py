"""Schedules in Django's database, as schedulers read them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import QuerySet

from ..errors import ConfigurationError
from ..schedule import Schedule
from .models import TaskSchedule
from .outages import database_needed

logger = logging.getLogger(__name__)


class DatabaseSchedules:
    """A source of schedules: the rows of `TaskSchedule`. As long as none has changed, it costs one query of two columns.

    Args:
        database: The alias of the database.
    """

    def __init__(self, database: str = "default") -> None:
        self._database = database
        self._known: tuple[Mapping[int, datetime], Sequence[Schedule]] = ({}, ())

    def __call__(self) -> Sequence[Schedule]:
        """Return the schedules that there are now; rows that cannot be schedules are told, and left out."""
        present = dict(self._rows.order_by().values_list("pk", "changed_at"))
        known, schedules = self._known
        if present != known:
            schedules = [schedule for row in self._rows.order_by("pk") if (schedule := _schedule(row)) is not None]
            # What has changed since the first query is read again next time.
            self._known = present, schedules
        return schedules

    def pause(self, name: str, *, paused: bool) -> None:
        """Keep one from firing, or let it fire again, from now on."""
        with database_needed():
            self._rows.filter(name=name).update(enabled=not paused)

    @property
    def _rows(self) -> QuerySet[TaskSchedule]:
        return TaskSchedule.objects.using(self._database)


def _schedule(row: TaskSchedule) -> Schedule | None:
    try:
        return row.schedule
    except ConfigurationError as error:
        logger.error("Schedule %s of the database is left out: %s", row.name, error)
        return None
