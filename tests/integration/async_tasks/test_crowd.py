"""Many async tasks share the event loop of one worker process, and none of them holds a thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from strawberry_tasks import Handle, TaskStatus
from strawberry_tasks.backends.redis_transport import RedisTransport
from tests.apps.crowd import LIMIT, Crowd, at_work
from tests.apps.scenarios import Gate
from tests.apps.settings import Settings
from tests.integration.async_tasks.conftest import PATIENCE, StartWorker, ended
from tests.processes import wait_until


def test_hundreds_wait_at_a_time(crowd: Crowd, start_worker: StartWorker) -> None:
    """Two hundred tasks that wait a second each take a few seconds with two threads."""
    start_worker()

    began = time.monotonic()
    handles = crowd.wait.enqueue_many([(1.0,)] * 200)
    for handle in handles:
        handle.result(PATIENCE)
    seconds = time.monotonic() - began

    assert seconds < 5
    assert {handle.refresh().attempt for handle in handles} == {1}


def test_no_more_than_the_bound_are_in_flight(crowd: Crowd, start_worker: StartWorker, gate: Gate) -> None:
    """What comes beyond the bound is not begun, and follows when there is a place."""
    start_worker(concurrency=3)
    handles = crowd.hold.enqueue_many([(gate.path,)] * 20)

    wait_until(lambda: at_work(gate) == 3, "three have begun")
    # A run of the other queue went all its way meanwhile: so did whatever might have begun.
    crowd.note_elsewhere.enqueue(text="past").result(PATIENCE)
    running = [handle for handle in handles if handle.refresh().status is TaskStatus.RUNNING]
    gate.open()

    assert len(running) == 3
    for handle in handles:
        handle.result(PATIENCE)


def test_sync_tasks_pass_a_crowd_at_its_bound(crowd: Crowd, start_worker: StartWorker, gate: Gate) -> None:
    """Async tasks that wait for a place hold no thread, and leave room for a sync one of their queue."""
    start_worker(concurrency=1)
    handles = crowd.hold.enqueue_many([(gate.path,)] * 3)
    wait_until(lambda: at_work(gate) == 1, "one has begun")

    assert crowd.note.enqueue(text="past").result(PATIENCE) == "past"
    assert [handle.refresh().status for handle in handles].count(TaskStatus.PENDING) == 2


def test_attempts_follow_one_another(crowd: Crowd, start_worker: StartWorker) -> None:
    """An async task that fails is tried again after its delay."""
    start_worker()

    handle: Handle[int] = crowd.stumble.enqueue(failures=2)

    assert handle.result(PATIENCE) == 3


def test_an_async_task_that_takes_too_long_times_out(crowd: Crowd, start_worker: StartWorker) -> None:
    """The limit counts for each of many."""
    start_worker()

    handles = crowd.wait_briefly.enqueue_many([(60.0,)] * 20)
    failures = [ended(handle).failure for handle in handles]

    assert {failure and failure.code for failure in failures} == {"TIMED_OUT"}


def test_a_task_that_blocks_the_loop_is_named(
    crowd: Crowd, start_worker: StartWorker, make_gate: Callable[[], Gate]
) -> None:
    """A warning tells the run and the line; others go on afterwards, also those whose time was over meanwhile."""
    held, blocked = make_gate(), make_gate()
    worker = start_worker()
    briefly = crowd.wait_briefly.enqueue(seconds=LIMIT.total_seconds() * 0.8)
    holding = crowd.hold.enqueue(gate=held.path)
    wait_until(lambda: at_work(held) == 1 and briefly.refresh().status is TaskStatus.RUNNING, "they have begun")

    blocking = crowd.block.enqueue(gate=blocked.path)
    wait_until(lambda: "has blocked the event loop" in worker.said, "the warning comes")
    stuck_since = time.monotonic()
    wait_until(lambda: time.monotonic() > stuck_since + LIMIT.total_seconds(), "the limit is over")
    blocked.open()
    held.open()

    assert ended(blocking).status is TaskStatus.COMPLETED
    assert ended(briefly).status is TaskStatus.COMPLETED
    assert ended(holding).status is TaskStatus.COMPLETED
    (warning,) = [line for line in worker.said.splitlines() if "has blocked the event loop" in line]
    assert f"Attempt 1 of run {blocking.id} (block) has blocked" in warning
    assert "tests/apps/crowd.py" in worker.said


def test_who_blocks_the_loop_gets_no_time_for_it(crowd: Crowd, start_worker: StartWorker) -> None:
    """A task that has blocked the loop for longer than its limit times out as soon as the loop is free."""
    start_worker()

    run = ended(crowd.block_at_once.enqueue(seconds=LIMIT.total_seconds() + 1))

    assert run.failure is not None
    assert run.failure.code == "TIMED_OUT"
    assert run.started_at is not None
    assert run.completed_at is not None
    assert run.completed_at - run.started_at < LIMIT + timedelta(seconds=1.5)


def test_a_task_that_leaves_the_program_leaves_the_others(crowd: Crowd, start_worker: StartWorker, gate: Gate) -> None:
    """`sys.exit` in an asyncio task ends neither the loop nor the worker."""
    start_worker()
    holding = crowd.hold.enqueue(gate=gate.path)
    wait_until(lambda: at_work(gate) == 1, "it has begun")

    left = ended(crowd.leave.enqueue())
    gate.open()

    assert left.status is TaskStatus.FAILED
    assert ended(holding).attempt == 1
    assert holding.refresh().status is TaskStatus.COMPLETED


def test_each_has_context_variables_of_its_own(crowd: Crowd, start_worker: StartWorker) -> None:
    """What one run leaves in a context variable is not seen by another."""
    start_worker()

    handles = crowd.remember.enqueue_many([(number,) for number in range(20)])

    assert {handle.result(PATIENCE) for handle in handles} == {None}


def test_state_and_messages_may_be_apart(settings: Settings, start_worker: StartWorker, redis_url: str) -> None:
    """With two databases an outcome and its message are settled one after the other; nothing stays behind."""
    settings = replace(settings, broker=f"{redis_url.rpartition('/')[0]}/1")
    apart = Crowd(settings.make_tasks())
    start_worker(settings=settings)

    handle: Handle[int] = apart.stumble.enqueue(failures=1)

    assert handle.result(PATIENCE) == 2
    transport = apart.tasks.broker
    assert isinstance(transport, RedisTransport)
    wait_until(lambda: transport.depth("default") == (0, 0, 0, 0), "the queue is empty")
    apart.tasks.close()
