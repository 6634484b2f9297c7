"""What is particular to workers of Celery's."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from strawberry_tasks import TaskStatus
from strawberry_tasks.errors import QueueUnavailableError
from tests.apps.scenarios import Gate, Scenarios
from tests.apps.settings import Settings
from tests.patience import PATIENCE
from tests.processes import free_port, wait_until
from tests.programs import CeleryWorker
from tests.rabbitmq import delete_rabbitmq_queues, require_rabbitmq

APP = "tests.apps.scenarios_celery:app"

Start = Callable[..., tuple[Scenarios, CeleryWorker]]


@pytest.fixture
def start(redis_url: str, namespace: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker over a broker, and makes the scenarios that it performs."""
    with ExitStack() as stack:

        def make(broker: str = redis_url, **options: object) -> tuple[Scenarios, CeleryWorker]:
            settings = Settings(
                url=redis_url,
                namespace=namespace,
                uploads=tmp_path / "uploads",
                broker=f"celery+{broker}",
                lease=timedelta(seconds=1),
            )
            log = tmp_path / "worker.log"
            worker = CeleryWorker(APP, environment=settings.environment, log=log, **options)
            stack.enter_context(worker)
            tasks = settings.make_tasks(stack.enter_context(settings.make_celery()))
            stack.callback(tasks.close)
            return Scenarios(tasks), worker

        yield make


def test_a_killed_process_is_followed_by_another_attempt(start: Start, gate: Gate) -> None:
    """A run whose pool process dies is performed again once its lease has lapsed; the message is not lost."""
    scenarios, _ = start(concurrency=1)
    process = scenarios.add.enqueue(left=1, right=1).result(PATIENCE).process
    handle = scenarios.stumble.enqueue(gate=gate.path)
    wait_until(lambda: handle.refresh().status is TaskStatus.RUNNING, "the start of the run")

    os.kill(process, signal.SIGKILL)
    gate.open()

    assert handle.result(PATIENCE) == 2


def test_a_warm_shutdown_waits_for_the_run(start: Start, gate: Gate) -> None:
    """A worker that is told to end performs what it has begun to its end."""
    scenarios, worker = start(concurrency=1)
    handle = scenarios.count.enqueue(gate=gate.path)
    wait_until(lambda: handle.refresh().status is TaskStatus.RUNNING, "the start of the run")

    worker.send_signal(signal.SIGTERM)
    wait_until(lambda: "Warm shutdown" in worker.said, "the start of the shutdown")
    gate.open()

    assert handle.result(PATIENCE) == 4
    assert handle.refresh().attempt == 1
    wait_until(worker.has_ended, "the end of the worker")


def test_urgent_runs_come_first(start: Start, gate: Gate, tmp_path: Path) -> None:
    """Of the runs that wait, the one with the highest priority is begun first, and one without before one below zero."""
    scenarios, _ = start(concurrency=1)
    busy = [scenarios.count.enqueue(gate=gate.path)]
    wait_until(lambda: busy[0].refresh().status is TaskStatus.RUNNING, "the start of the run")
    # One more is in the worker's hands already.
    busy.append(scenarios.count.enqueue(gate=gate.path))
    waiting = {
        priority: scenarios.add.using(priority=priority).enqueue(left=1, right=1) for priority in (-1000, 0, 1000)
    }

    gate.open()
    for handle in waiting.values():
        handle.result(PATIENCE)

    begun = sorted(waiting, key=lambda priority: waiting[priority].refresh().started_at)
    assert begun == [1000, 0, -1000]


@pytest.mark.rabbitmq
def test_a_run_completes_over_rabbitmq(start: Start, namespace: str) -> None:
    """With RabbitMQ as Celery's broker, and threads as its pool, attempts and delays are as with Redis."""
    url = require_rabbitmq()
    try:
        scenarios, _ = start(url, pool="threads")

        again = scenarios.flaky.enqueue(failures=1)
        delayed = scenarios.add_async.using(delay=timedelta(milliseconds=200), priority=1).enqueue(left=2, right=3)

        assert again.result(PATIENCE) == 2
        assert delayed.result(PATIENCE).value == 5
    finally:
        delete_rabbitmq_queues(url, namespace, f"{namespace}-own")


def test_a_broker_that_is_away_is_said(redis_url: str, namespace: str, tmp_path: Path) -> None:
    """What Celery cannot send is refused, and leaves nothing behind."""
    settings = Settings(
        url=redis_url,
        namespace=namespace,
        uploads=tmp_path,
        broker=f"celery+redis://127.0.0.1:{free_port()}/0",
    )
    with settings.make_celery() as app:
        # Celery's own tries take some seconds.
        app.conf.task_publish_retry = False
        app.conf.broker_transport_options = {"max_retries": 0}
        tasks = settings.make_tasks(app)
        scenarios = Scenarios(tasks)

        with pytest.raises(QueueUnavailableError):
            scenarios.add.enqueue(left=1, right=1)

        tasks.close()
    with redis.Redis.from_url(redis_url) as client:
        assert list(client.scan_iter(f"{namespace}:run:*")) == []
