"""A worker process ends with async tasks in flight: in good order, or not."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import timedelta

from strawberry_tasks import TaskStatus
from tests.apps.crowd import Crowd, at_work
from tests.apps.scenarios import Gate
from tests.integration.async_tasks.conftest import PATIENCE, StartWorker, ended
from tests.processes import wait_until


def test_a_killed_worker_loses_none_of_hundreds(crowd: Crowd, start_worker: StartWorker, gate: Gate) -> None:
    """All that were in flight are performed again by another worker."""
    worker = start_worker()
    handles = crowd.wait.enqueue_many([(1.5,)] * 300)
    wait_until(lambda: all(handle.refresh().attempt for handle in handles), "all have begun")
    running = [handle for handle in handles if handle.refresh().status is TaskStatus.RUNNING]

    worker.send_signal(signal.SIGKILL)
    start_worker()
    for handle in handles:
        handle.result(PATIENCE)

    assert len(running) > 100
    assert [handle.refresh().attempt for handle in running].count(2) > 100


def test_what_ends_in_time_ends_with_the_worker(crowd: Crowd, start_worker: StartWorker) -> None:
    """A worker that is told to end waits for the event loop as it does for its threads."""
    worker = start_worker(shutdown=timedelta(seconds=20))
    handles = crowd.wait.enqueue_many([(1.5,)] * 50)
    wait_until(lambda: all(handle.refresh().attempt for handle in handles), "all have begun")

    worker.send_signal(signal.SIGTERM)
    wait_until(worker.has_ended, "the worker ends")

    runs = [handle.refresh() for handle in handles]
    assert {(run.status, run.attempt) for run in runs} == {(TaskStatus.COMPLETED, 1)}


def test_what_does_not_end_in_time_is_given_back(
    crowd: Crowd, start_worker: StartWorker, make_gate: Callable[[], Gate]
) -> None:
    """Its functions are canceled; another worker goes on at once, and no retry is used up."""
    gate = make_gate()
    worker = start_worker(shutdown=timedelta(milliseconds=500), concurrency=50)
    handles = crowd.hold.enqueue_many([(gate.path,)] * 60)
    wait_until(lambda: at_work(gate) == 50, "so many have begun")

    worker.send_signal(signal.SIGTERM)
    wait_until(worker.has_ended, "the worker ends")
    given_back = {(run.status, run.attempt) for run in (handle.refresh() for handle in handles)}
    canceled = at_work(gate) == 0
    start_worker()
    wait_until(lambda: at_work(gate) == 60, "all have begun again")
    gate.open()

    assert canceled
    assert given_back == {(TaskStatus.RETRYING, 1), (TaskStatus.PENDING, 0)}
    assert {ended(handle).status for handle in handles} == {TaskStatus.COMPLETED}
    assert {(run.attempt, run.given_back) for run in (handle.refresh() for handle in handles)} == {(1, 0), (2, 1)}


def test_what_does_not_let_itself_be_canceled_is_given_back_all_the_same(
    crowd: Crowd, start_worker: StartWorker, gate: Gate
) -> None:
    """A worker does not wait for ever, and nothing is left to the lapse of a lease."""
    worker = start_worker(shutdown=timedelta(milliseconds=500))
    handle = crowd.cling.enqueue(gate=gate.path)
    wait_until(lambda: at_work(gate) == 1, "it has begun")

    worker.send_signal(signal.SIGTERM)
    wait_until(worker.has_ended, "the worker ends")

    run = handle.refresh()
    assert (run.status, run.attempt, run.given_back) == (TaskStatus.RETRYING, 1, 1)
