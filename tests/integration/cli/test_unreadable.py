"""``unreadable``: runs whose records cannot be read are shown, and deleted."""

from __future__ import annotations

import json
from types import ModuleType

import pytest
import redis

from strawberry_tasks.backends.redis_transport import DeadReason
from strawberry_tasks.backends.redis_transport.delivery import Dead
from strawberry_tasks.errors import TaskNotFoundError
from tests.integration.cli.conftest import Invoke


@pytest.fixture
def ids(app: ModuleType, redis_url: str, namespace: str) -> list[str]:
    """Three runs, of which the last can be read."""
    ids = [app.add.enqueue(left=1).id for _ in range(3)]
    with redis.Redis.from_url(redis_url) as client:
        client.hset(f"{namespace}:run:{ids[0]}", "status", "EXPLODED")
        client.hset(f"{namespace}:run:{ids[1]}", "version", "abc")
    return ids


def test_they_are_listed_with_what_is_wrong(ids: list[str], invoke: Invoke) -> None:
    """The latest first."""
    listed = json.loads(invoke("unreadable", "list", "--json").stdout)

    assert [run["id"] for run in listed] == [ids[1], ids[0]]
    assert "EXPLODED" in listed[1]["reason"]
    assert ids[0] in invoke("unreadable", "list").stdout


def test_one_is_deleted(app: ModuleType, ids: list[str], invoke: Invoke) -> None:
    """It is gone then, as if it had expired; one that can be read is refused."""
    assert invoke("unreadable", "purge", ids[0]).stdout == "Deleted 1.\n"

    with pytest.raises(TaskNotFoundError):
        app.tasks.handle(ids[0])
    refused = invoke("unreadable", "purge", ids[2])
    assert (refused.exit_code, ids[2] in refused.output) == (5, True)
    assert app.tasks.handle(ids[2]).id == ids[2]


def test_all_are_deleted(ids: list[str], invoke: Invoke) -> None:
    """With one command, which has to be meant."""
    assert invoke("unreadable", "purge").exit_code == 2
    assert json.loads(invoke("unreadable", "purge", "--all", "--json").stdout) == {
        "purged": [ids[1], ids[0]],
        "refused": [],
    }

    assert json.loads(invoke("unreadable", "list", "--json").stdout) == []


def test_a_command_about_one_says_so(ids: list[str], invoke: Invoke) -> None:
    """As about a run that does not exist."""
    told = invoke("cancel", ids[0])

    assert (told.exit_code, "cannot be read" in told.output) == (5, True)


def test_its_message_can_be_put_back(app: ModuleType, ids: list[str], invoke: Invoke, redis_url: str) -> None:
    """Once the record can be read, as by a worker of a newer version."""
    transport, namespace = app.tasks.broker, app.tasks.config.namespace
    transport.fetch(namespace, 1)
    (delivery,) = transport.inbox(namespace).drain()
    transport.settle(delivery, Dead(DeadReason.UNREADABLE, delivery.encode()))

    assert invoke("dead", "retry", ids[0]).exit_code == 5
    with redis.Redis.from_url(redis_url) as client:
        client.hset(f"{namespace}:run:{ids[0]}", "status", "PENDING")
    assert json.loads(invoke("dead", "retry", ids[0], "--json").stdout)["retried"] == {ids[0]: ids[0]}
    assert transport.depth(namespace).ready == 3
