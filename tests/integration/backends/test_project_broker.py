"""What a project's own broker does to its other actors leaves the tasks alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Retries, TimeLimit

from strawberry_tasks import Tasks
from strawberry_tasks.errors import ConfigurationError, TaskFailedError
from tests.apps.scenarios import Scenarios
from tests.patience import PATIENCE


@pytest.fixture
def scenarios(redis_url: str, namespace: str, tmp_path: Path) -> Iterator[Scenarios]:
    """The scenarios in a broker whose actors may take a tenth of a second."""
    broker = StubBroker(middleware=[Retries(), TimeLimit(time_limit=100, interval=10)])
    tasks = Tasks(redis_url, broker=broker, namespace=namespace)
    scenarios = Scenarios(tasks)
    broker.emit_after("process_boot")  # As a worker process does; it starts the clock.
    worker = Worker(broker, worker_timeout=100)
    worker.start()
    yield scenarios
    worker.stop()
    tasks.close()


@pytest.mark.parametrize("name", ["hang", "hang_async"])
def test_a_run_has_the_limit_of_its_task(scenarios: Scenarios, name: str) -> None:
    """The broker's own limit, which is shorter here, is not for runs: it would leave them without an end."""
    handle = getattr(scenarios, name).enqueue()

    with pytest.raises(TaskFailedError) as raised:
        handle.result(PATIENCE)

    assert raised.value.code == "TIMED_OUT"


def test_a_broker_that_delivers_no_next_attempt_is_refused(redis_url: str) -> None:
    """Without Dramatiq's middleware for retries no attempt would follow a failed one."""
    tasks = Tasks(redis_url, broker=StubBroker(middleware=[]))

    with pytest.raises(ConfigurationError, match="Retries"):
        Scenarios(tasks)
