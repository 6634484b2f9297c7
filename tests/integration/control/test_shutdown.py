"""A worker that is told to end gives back what it cannot finish."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from strawberry_tasks import TaskStatus
from tests.apps.controlled import Controlled, work_mark
from tests.apps.scenarios import Gate
from tests.apps.settings import Settings
from tests.patience import PATIENCE
from tests.processes import descendants, is_alive, wait_until
from tests.programs import ROOT, Worker

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


def test_nothing_is_begun_after_the_signal(redis_url: str, namespace: str, tmp_path: Path, gate: Gate) -> None:
    """A thread that becomes free takes nothing more, though messages wait in its process; they are given back at once."""
    settings = Settings(url=redis_url, namespace=namespace, uploads=tmp_path / "uploads")
    worker = Worker("tests.apps.controlled_worker", environment=settings.environment, log=tmp_path / "log", threads=2)
    with ExitStack() as stack:
        tasks = settings.make_tasks()
        stack.callback(tasks.close)
        handles = Controlled(tasks).stubborn.enqueue_many([(gate.path,)] * 12)
        stack.enter_context(worker)
        wait_until(lambda: sum(handle.refresh().attempt for handle in handles) == 2, "both threads are busy")

        worker.send_signal(signal.SIGTERM)
        wait_until(lambda: worker.has_said("Stopping worker process"), "the worker knows")
        gate.open()
        wait_until(worker.has_ended, "the worker ends")
        runs = [handle.refresh() for handle in handles]

    assert sorted(run.attempt for run in runs) == [0] * 10 + [1, 1]
    assert {run.status for run in runs if run.attempt} == {TaskStatus.COMPLETED}


def test_a_worker_ends_with_its_master(redis_url: str, namespace: str, tmp_path: Path, gate: Gate) -> None:
    """One that is killed leaves no process behind that goes on taking runs; what runs comes to its end."""
    settings = Settings(url=redis_url, namespace=namespace, uploads=tmp_path / "uploads")
    command = [sys.executable, "-m", "dramatiq", "tests.apps.controlled_worker", "--processes", "1", "--threads", "1"]
    environment = {**os.environ, **settings.environment, "PYTHONPATH": str(ROOT)}
    with ExitStack() as stack:
        tasks = settings.make_tasks()
        stack.callback(tasks.close)
        log = stack.enter_context((tmp_path / "log").open("wb"))
        running, waiting = Controlled(tasks).stubborn.enqueue_many([(gate.path,)] * 2)
        master = stack.enter_context(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        stack.callback(master.kill)
        wait_until(lambda: running.refresh().attempt == 1, "the function runs", PATIENCE.total_seconds())
        left = set(descendants(master.pid)) - {master.pid}
        stack.callback(lambda: [os.kill(pid, signal.SIGKILL) for pid in left if is_alive(pid)])

        master.kill()
        wait_until(lambda: tasks.broker.depth(waiting.started.queue).ready == 1, "what waited is given back")
        gate.open()
        wait_until(lambda: not any(is_alive(pid) for pid in left), "the processes are gone")

    assert running.refresh().status is TaskStatus.COMPLETED
    assert waiting.refresh().attempt == 0
