"""``strawberry-tasks worker``, as processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import ModuleType

import pytest

from strawberry_tasks import TaskStatus
from tests.apps.scenarios import Gate
from tests.integration.cli.conftest import APP, Invoke, MakeWorker, Run
from tests.patience import PATIENCE
from tests.processes import free_port, wait_until


def test_a_worker_performs_sync_and_async_tasks_as_its_options_say(app: ModuleType, make_worker: MakeWorker) -> None:
    """All queues of the tasks are consumed, and ``--concurrency`` is the limit of async tasks."""
    with make_worker("--concurrency", "7"):
        added, told = app.add.enqueue(left=1, right=2), app.tell_concurrency.enqueue()

        assert added.result(PATIENCE) == 3
        assert told.result(PATIENCE) == 7


def test_a_worker_consumes_the_queues_that_it_is_given_alone(
    app: ModuleType, make_worker: MakeWorker, tmp_path: Path
) -> None:
    """What is in other queues waits."""
    with make_worker("--queue", "urgent"):
        waiting = app.add.enqueue(left=1)
        app.note.enqueue(path=f"{tmp_path}/notes").result(PATIENCE)

        assert waiting.refresh().status is TaskStatus.PENDING


def test_sigterm_lets_running_tasks_end(app: ModuleType, make_worker: MakeWorker, gate: Gate) -> None:
    """The run that is performed completes; the worker ends with 0 after it."""
    with make_worker() as worker:
        handle = app.wait.enqueue(gate=gate.path)
        wait_until(lambda: handle.refresh().progress == 50, "it runs")

        worker.send_signal(signal.SIGTERM)
        wait_until(lambda: "Stopping worker process" in worker.said, "it was told")
        gate.open()

        assert handle.result(PATIENCE) > 0
        wait_until(worker.has_ended, "the worker ends")


def test_sighup_starts_the_worker_anew(app: ModuleType, make_worker: MakeWorker, gate: Gate) -> None:
    """Another process performs what comes after it, with the same options."""
    gate.open()
    with make_worker("--threads", "1", "--concurrency", "7") as worker:
        before = app.wait.enqueue(gate=gate.path).result(PATIENCE)

        os.kill(min(worker.pids - {before} - {os.getpid()}), signal.SIGHUP)
        wait_until(lambda: worker.said.count("is ready for action") == 2, "it is there again")

        assert app.wait.enqueue(gate=gate.path).result(PATIENCE) != before
        assert app.tell_concurrency.enqueue().result(PATIENCE) == 7


def test_a_worker_waits_for_redis_and_gives_up_after_the_stated_time(run: Run) -> None:
    """It says what it waits for and how long, and ends with 3."""
    url = f"redis://127.0.0.1:{free_port()}/0"

    ended = run("worker", APP, "--wait", "0.2", TEST_TASKS_URL=url)

    assert ended.returncode == 3
    assert "does not answer" in ended.stderr
    assert "Waiting for it, at most 0.2 seconds." in ended.stderr
    assert "Gave up after 0.2 seconds." in ended.stderr


def test_a_queue_of_no_task_is_refused(run: Run) -> None:
    """The message names the queues that there are."""
    ended = run("worker", APP, "--queue", "urgnt")

    assert ended.returncode == 2
    assert "got 'urgnt'. Did you mean 'urgent'?" in " ".join(ended.stderr.split())


def test_weights_are_refused_where_queues_take_no_turns(run: Run, redis_url: str) -> None:
    """Dramatiq's stock brokers are consumed in the order of arrival."""
    ended = run("worker", APP, "--queue", "urgent:3", TEST_TASKS_BROKER=f"stock+{redis_url}")

    assert ended.returncode == 2
    assert "expected no weights" in ended.stderr


@pytest.mark.parametrize("queue", ["urgent:0", "urgent:x", "urgent:1001", "two words"])
def test_a_queue_or_a_weight_that_cannot_be_is_refused(invoke: Invoke, queue: str) -> None:
    """Before anything else is looked at."""
    result = invoke("worker", "--queue", queue)

    assert result.exit_code == 2
    assert repr(queue.partition(":")[2] or queue) in result.stderr


def test_tasks_that_run_in_this_process_need_no_worker(run: Run) -> None:
    """With memory:// there is nothing for another process to see."""
    ended = run("worker", APP, TEST_TASKS_URL="memory://")

    assert ended.returncode == 2
    assert "the tasks run without one" in ended.stderr


def test_a_file_that_changes_starts_the_worker_anew(
    app: ModuleType, make_worker: MakeWorker, gate: Gate, tmp_path: Path
) -> None:
    """With ``--watch``, for development."""
    gate.open()
    watched = tmp_path / "source"
    watched.mkdir()
    with make_worker("--watch", str(watched)) as worker:
        before = app.wait.enqueue(gate=gate.path).result(PATIENCE)

        # One change: Dramatiq starts anew for each event.
        changed = tmp_path / "module.py"
        changed.touch()
        changed.rename(watched / "module.py")
        wait_until(lambda: worker.said.count("is ready for action") >= 2, "it is there again")

        assert app.wait.enqueue(gate=gate.path).result(PATIENCE) != before
