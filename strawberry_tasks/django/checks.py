"""System checks: what is wrong with the settings, the database and the server, before it shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings as project_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseFailure
from django.db import connections

from ..backends.redis_transport.durability import losses
from ..errors import ConfigurationError
from ..stores.redis_link import CONNECTION_OPTIONS, redis_url
from .conf import SETTING, DjangoSettings
from .models import TaskExecution

PREFIX = "strawberry_tasks"


def check_settings(**_: Any) -> list[CheckMessage]:
    """Read the settings, and import what they name."""
    try:
        settings = DjangoSettings.load()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint=f"See the reference of {SETTING}.", id=f"{PREFIX}.E001")]
    found: list[CheckMessage] = []
    try:
        settings.options()
    except (ImproperlyConfigured, ConfigurationError) as error:
        found.append(Error(str(error), hint="Correct the path, or install what it names.", id=f"{PREFIX}.E002"))
    if settings.track_in_database and settings.database not in project_settings.DATABASES:
        known = ", ".join(sorted(project_settings.DATABASES))
        found.append(
            Error(
                f"{SETTING}['DATABASE']: expected one of {known}, got {settings.database!r}.",
                hint="Name an alias of DATABASES.",
                id=f"{PREFIX}.E003",
            )
        )
    return found


def check_database(*, databases: Iterable[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Look whether the table is there; part of ``migrate`` and of ``check --database``."""
    settings = _settings()
    if settings is None or not settings.track_in_database or settings.database not in (databases or ()):
        return []
    connection = connections[settings.database]
    table = TaskExecution._meta.db_table
    found: list[CheckMessage] = []
    try:
        with connection.cursor() as cursor:
            if table not in connection.introspection.table_names(cursor):
                # No error, which would keep `migrate` from making it.
                found.append(
                    Warning(
                        f"The table {table} is not in the database {settings.database!r}: no task can be started.",
                        hint="`manage.py migrate` makes it; or set TRACK_IN_DATABASE to False.",
                        id=f"{PREFIX}.W001",
                    )
                )
        if settings.outbox and connection.vendor == "mysql" and not connection.features.supports_transactions:
            found.append(
                Error(
                    f"{SETTING}['OUTBOX']: the database {settings.database!r} has no transactions.",
                    hint="Use the InnoDB engine.",
                    id=f"{PREFIX}.E004",
                )
            )
    except DatabaseFailure:
        return []  # Django's own checks say that it is away.
    return found


def check_deployment(**_: Any) -> list[CheckMessage]:
    """Ask the server what it may lose; part of ``check --deploy``, since it connects."""
    settings = _settings()
    if settings is None:
        return []
    urls = settings.redis_urls
    if any(urlsplit(url).scheme == "memory" for url in urls):
        return [
            Warning(
                f"{SETTING}['URL']: with memory:// tasks run, and are forgotten, with the web process.",
                hint="Set a Redis URL.",
                id=f"{PREFIX}.W002",
            )
        ]
    return [message for url in sorted(urls) for message in _check_server(url)]


def _check_server(url: str) -> list[CheckMessage]:
    with redis.Redis.from_url(redis_url(url), **CONNECTION_OPTIONS) as client:

        def setting(name: str) -> str | None:
            try:
                answer: str | None = client.config_get(name).get(name)
            except redis.ResponseError:  # Hosted servers allow nobody to ask.
                return None
            return answer

        try:
            return [Warning(problem, id=f"{PREFIX}.W004") for problem in losses(setting)]
        except (redis.RedisError, OSError) as error:
            return [
                Warning(
                    f"The Redis server of {SETTING} cannot be reached: {error}",
                    hint="Start it, or correct URL and BROKER.",
                    id=f"{PREFIX}.W003",
                )
            ]


def register_checks() -> None:
    """Have Django run them."""
    register(check_settings)
    register(check_database, Tags.database)
    register(check_deployment, deploy=True)


def _settings() -> DjangoSettings | None:
    try:
        return DjangoSettings.load()
    except ImproperlyConfigured:
        return None  # `check_settings` tells.
