"""Puts a Django project's `Tasks` together."""

from __future__ import annotations

from typing import cast

from django.utils.module_loading import import_string

from ..app import Tasks
from ..backends.base import Carrier
from ..errors import ConfigurationError
from .conf import DjangoSettings
from .connections import DatabaseConnections
from .dispatch import CommitDispatch
from .log import DatabaseLog
from .schedules import DatabaseSchedules


def make_tasks(settings: DjangoSettings) -> Tasks:
    """Make what the settings say.

    Raises:
        ConfigurationError: If a setting cannot work; names it.
    """
    log = None
    if settings.track_in_database:
        log = DatabaseLog(database=settings.database, retention=settings.retention, outbox=settings.outbox)
    options = settings.options()
    if settings.tasks_alias is not None:
        options["broker"] = _carrier(settings.tasks_alias)
    tasks = Tasks(
        **options,
        log=log,
        dispatch=CommitDispatch(log, wait=settings.enqueue_on_commit),
        surroundings=DatabaseConnections(),
    )
    if settings.track_in_database:
        tasks.schedules.add(DatabaseSchedules(settings.database))
    return tasks


def _carrier(alias: str) -> Carrier:
    try:
        # By its path, since Django 5.2 has the framework in a package that may be absent.
        make = import_string("strawberry_tasks.django.carrier.FrameworkCarrier")
    except ImportError as error:
        raise ConfigurationError(
            'BACKEND: expected Django 6.0, or the package django-tasks, for "django.tasks". Run: pip install django-tasks.'
        ) from error
    return cast("Carrier", make(alias))
