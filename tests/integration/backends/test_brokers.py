"""The messages may travel by other brokers than the one that stands where the state is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from dramatiq.common import dq_name, xq_name

from strawberry_tasks import TaskStatus
from tests.apps.scenarios import Scenarios
from tests.apps.settings import Settings
from tests.namespaces import fresh_namespace
from tests.patience import PATIENCE
from tests.programs import Worker
from tests.rabbitmq import delete_rabbitmq_queues, require_rabbitmq
from tests.servers import RedisServer


@pytest.fixture(
    scope="module", params=["redis-elsewhere", "own-redis", pytest.param("own-rabbitmq", marks=pytest.mark.rabbitmq)]
)
def scenarios(
    request: pytest.FixtureRequest, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scenarios]:
    """The scenarios with their messages on another server, or in a broker that the project has made."""
    directory = tmp_path_factory.mktemp("broker")
    with ExitStack() as stack:
        namespace = stack.enter_context(fresh_namespace(redis_url))
        broker = _broker(request.param, redis_url, namespace, stack)
        settings = Settings(url=redis_url, namespace=namespace, uploads=directory / "uploads", broker=broker)
        # A project that has made its broker names it; else Dramatiq finds the one of the tasks by itself.
        module = "tests.apps.scenarios_worker"
        found = f"{module}:tasks.broker" if request.param.startswith("own") else module
        stack.enter_context(Worker(found, environment=settings.environment, log=directory / "worker.log"))
        tasks = settings.make_tasks()
        stack.callback(tasks.close)
        yield Scenarios(tasks)


def test_a_run_completes(scenarios: Scenarios) -> None:
    """A message finds its worker, and the result comes back by way of the store."""
    handle = scenarios.add.enqueue(left=2, right=3)

    result = handle.result(PATIENCE)

    assert result.value == 5
    assert result.process != os.getpid()


def test_an_attempt_follows_another(scenarios: Scenarios) -> None:
    """The broker brings the message again for the next attempt, and no oftener than that."""
    handle = scenarios.flaky.enqueue(failures=2)

    result = handle.result(PATIENCE)

    assert result == 3


def test_a_delay_is_kept(scenarios: Scenarios) -> None:
    """The broker keeps a message until it is due."""
    handle = scenarios.add.using(delay=timedelta(milliseconds=200)).enqueue(left=2, right=3)

    handle.result(PATIENCE)

    run = handle.refresh()
    assert run.status is TaskStatus.COMPLETED
    assert run.started_at >= handle.started.scheduled_for - timedelta(milliseconds=10)


def _broker(kind: str, redis_url: str, namespace: str, stack: ExitStack) -> str:
    if kind == "own-redis":
        return f"stock+{redis_url}"
    if kind == "redis-elsewhere":
        return stack.enter_context(RedisServer()).url
    url = require_rabbitmq()
    stack.callback(delete_rabbitmq_queues, url, namespace, dq_name(namespace), xq_name(namespace))
    return f"stock+{url}"
