"""A worker that is told to end gives back what it cannot finish."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from strawberry_tasks import TaskStatus
from tests.apps.controlled import Controlled, work_mark
from tests.apps.scenarios import Gate
from tests.apps.settings import Settings
from tests.patience import PATIENCE
from tests.processes import wait_until
from tests.programs import Worker

BRIEFLY = ["--worker-shutdown-timeout", "500"]


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """What the tasks wait for; opened in the end, so that none stays behind."""
    gate = Gate(str(tmp_path / "gate"))
    yield gate
    gate.open()


@pytest.mark.parametrize("name", ["check", "deaf_once", "report"])
def test_what_does_not_finish_goes_on_elsewhere(
    redis_url: str, namespace: str, tmp_path: Path, gate: Gate, name: str
) -> None:
    """At once, and without a used retry: also a function that notices nothing."""
    settings = Settings(url=redis_url, namespace=namespace, uploads=tmp_path / "uploads")
    environment = settings.environment
    first = Worker("tests.apps.controlled_worker", environment=environment, log=tmp_path / "1", options=BRIEFLY)
    second = Worker("tests.apps.controlled_worker", environment=environment, log=tmp_path / "2", options=BRIEFLY)
    with ExitStack() as stack:
        tasks = settings.make_tasks()
        stack.callback(tasks.close)
        stack.enter_context(first)
        handle = getattr(Controlled(tasks), name).enqueue(gate=gate.path)
        wait_until(work_mark(gate).exists, "the function starts", PATIENCE.total_seconds())
        stack.enter_context(second)

        first.send_signal(signal.SIGTERM)
        wait_until(lambda: handle.refresh().attempt == 2, "the run goes on", PATIENCE.total_seconds())
        gate.open()
        handle.result(PATIENCE)

    run = handle.refresh()
    assert (run.status, run.attempt, run.given_back) == (TaskStatus.COMPLETED, 2, 1)
