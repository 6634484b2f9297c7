"""A function that nothing ends takes no worker with it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from strawberry_tasks import TaskStatus
from strawberry_tasks.errors import TaskFailedError
from tests.apps.controlled import HARD_LIMIT, Controlled, work_mark
from tests.apps.scenarios import Gate
from tests.apps.settings import Settings
from tests.patience import PATIENCE
from tests.processes import wait_until
from tests.programs import Worker

LEASE = timedelta(seconds=2)

ENDLESS = 300_000_000
"""An exponent that keeps a processor busy for minutes."""


@pytest.fixture
def settings(redis_url: str, namespace: str, tmp_path: Path) -> Settings:
    """Where all is."""
    return Settings(url=redis_url, namespace=namespace, uploads=tmp_path / "uploads", lease=LEASE)


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Worker]:
    """A worker of the test's own."""
    log = tmp_path / "worker.log"
    # Dramatiq starts itself again as the `python` of the PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**settings.environment, "PATH": path}
    with Worker("tests.apps.controlled_worker", environment=environment, log=log) as worker:
        yield worker


@pytest.fixture
def mine(settings: Settings, worker: Worker) -> Iterator[Controlled]:
    """The tasks that it performs."""
    tasks = settings.make_tasks()
    yield Controlled(tasks)
    tasks.close()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """What the tasks wait for; opened in the end, so that none stays behind."""
    gate = Gate(str(tmp_path / "gate"))
    yield gate
    gate.open()


def test_a_run_past_its_hard_limit_fails_and_its_process_is_replaced(mine: Controlled, gate: Gate) -> None:
    """The run says so at once; what ran beside it goes on in another process, and uses up no retry."""
    beside = mine.report.enqueue(gate=gate.path)
    wait_until(work_mark(gate).exists, "the other function starts", PATIENCE.total_seconds())
    wait_until(lambda: beside.refresh().progress_message, "it tells its process")
    first = int(beside.refresh().progress_message or 0)
    begun = time.monotonic()

    with pytest.raises(TaskFailedError) as raised:
        mine.sleep_in_c.enqueue().result(PATIENCE)

    assert raised.value.code == "TIMED_OUT"
    assert time.monotonic() - begun < HARD_LIMIT.total_seconds() + 2
    wait_until(lambda: beside.refresh().attempt == 2, "the other run goes on", PATIENCE.total_seconds())
    gate.open()
    assert beside.result(PATIENCE) != first
    assert (beside.refresh().status, beside.refresh().given_back) == (TaskStatus.COMPLETED, 1)


def test_a_process_that_is_locked_by_c_code_ends(mine: Controlled, worker: Worker) -> None:
    """Its run counts as lost; the process exits, and leaves it to whoever watches over it to start another one."""
    handle = mine.lock_in_c.enqueue(exponent=ENDLESS)

    with pytest.raises(TaskFailedError) as raised:
        handle.result(PATIENCE)

    assert raised.value.code == "WORKER_LOST"
    wait_until(worker.has_ended, "the worker ends", PATIENCE.total_seconds())


def test_without_a_worker_process_the_run_fails(local: Controlled) -> None:
    """A process that does other things as well is not ended; the function keeps its thread."""
    with pytest.raises(TaskFailedError) as raised:
        local.sleep_briefly.enqueue().result(PATIENCE)

    assert raised.value.code == "TIMED_OUT"
