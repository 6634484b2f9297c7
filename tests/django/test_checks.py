"""System checks: each names what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.db import connection

from strawberry_tasks.django.models import TaskExecution
from tests.servers import RedisServer

pytestmark = pytest.mark.django_db(databases=["default", "other"])
"""Some of Django's own checks look at the databases."""


@pytest.fixture
def check(settings: Any) -> Any:
    """Run the app's checks with other settings."""

    def check(*, deploy: bool = False, databases: list[str] | None = None, **values: object) -> list[CheckMessage]:
        settings.STRAWBERRY_TASKS = {"URL": "memory://", **values}
        found = run_checks(include_deployment_checks=deploy, databases=databases)
        return [message for message in found if str(message.id).startswith("strawberry_tasks.")]

    return check


def test_a_project_that_is_all_right_has_nothing_to_hear(check: Any) -> None:
    """There is no message."""
    assert check() == []


@pytest.mark.parametrize(
    ("values", "id_", "words"),
    [
        ({"RETRYS": 3}, "E001", "RETRYS"),
        ({"RESULT_TTL": "a day"}, "E001", "RESULT_TTL"),
        ({"OUTBOX": True, "TRACK_IN_DATABASE": False}, "E001", "TRACK_IN_DATABASE"),
        ({"POLICY": "nowhere.Policy"}, "E002", "nowhere.Policy"),
        ({"DATABASE": "archive"}, "E003", "archive"),
    ],
)
def test_a_wrong_setting_is_named(check: Any, values: dict[str, object], id_: str, words: str) -> None:
    """With what was expected, and a hint."""
    (message,) = check(**values)

    assert message.id == f"strawberry_tasks.{id_}"
    assert words in message.msg
    assert message.hint


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_a_missing_table_is_told(check: Any) -> None:
    """As a warning, since `migrate` would refuse to work with an error."""
    with connection.schema_editor() as editor:
        editor.delete_model(TaskExecution)
    try:
        (message,) = check(databases=["default"])
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(TaskExecution)

    assert message.id == "strawberry_tasks.W001"
    assert "migrate" in message.hint
    assert check(databases=["default"]) == []


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A Redis with an append-only file."""
    with RedisServer() as server:
        yield server


def test_deployment_asks_the_server(check: Any, server: RedisServer) -> None:
    """It has to be there, and to keep what it accepts."""
    assert check(deploy=True, URL=server.url) == []
    (away,) = check(deploy=True, URL="redis://127.0.0.1:1/0")
    (memory,) = check(deploy=True, URL="memory://")

    assert (away.id, memory.id) == ("strawberry_tasks.W003", "strawberry_tasks.W002")


def test_deployment_warns_of_a_server_that_loses(check: Any, redis_url: str) -> None:
    """The tests' own Redis keeps no append-only file."""
    assert {message.id for message in check(deploy=True, URL=redis_url)} <= {"strawberry_tasks.W004"}
