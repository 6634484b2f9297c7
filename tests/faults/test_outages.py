"""Whatever becomes of Redis while a run is on its way, its watchers get its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import redis

from strawberry_tasks import Handle, Snapshot, TaskStatus
from tests.apps.scenarios import Gate, Scenarios
from tests.apps.settings import Settings
from tests.patience import SECONDS
from tests.processes import wait_until
from tests.programs import Worker
from tests.servers import Fault, Proxy, RedisServer

AWAY = "waits for the store"
"""What a worker logs that has an outcome to write and no store."""


StartWorker = Callable[[str], Worker]


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Start a worker that reaches Redis at this URL."""
    with ExitStack() as stack:

        def start(url: str) -> Worker:
            environment = _settings(url, tmp_path).environment
            return stack.enter_context(
                Worker("tests.apps.scenarios_worker", environment=environment, log=tmp_path / "worker.log")
            )

        yield start


@pytest.fixture
def scenarios(server: RedisServer, tmp_path: Path) -> Iterator[Scenarios]:
    """What enqueues and watches, straight at the server."""
    tasks = _settings(server.url, tmp_path).make_tasks()
    yield Scenarios(tasks)
    tasks.close()


async def test_the_end_comes_through_a_restart(
    scenarios: Scenarios, server: RedisServer, start_worker: StartWorker, gate: Gate
) -> None:
    """A server that crashes and comes back with its data interrupts nobody's watch."""
    start_worker(server.url)
    handle = await scenarios.count.aenqueue(gate=gate.path)

    async with _watch(handle) as states:
        await _wait_for_progress(states)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        gate.open()

    _assert_complete(states)


async def test_the_end_comes_though_a_task_finished_without_redis(
    scenarios: Scenarios, server: RedisServer, start_worker: StartWorker, gate: Gate
) -> None:
    """An outcome that could not be written is written once Redis is back."""
    worker = start_worker(server.url)
    handle = await scenarios.count.aenqueue(gate=gate.path)

    async with _watch(handle) as states:
        await _wait_for_progress(states)
        await asyncio.to_thread(server.kill)
        gate.open()
        await asyncio.to_thread(wait_until, lambda: AWAY in worker.said, "the worker's loss of Redis")
        await asyncio.to_thread(server.start)

    _assert_complete(states)
    assert states[-1].attempt == 1


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.BLACK_HOLE, Fault.LOST_ANSWERS])
async def test_the_end_comes_though_the_worker_was_cut_off(
    scenarios: Scenarios, proxy: Proxy, start_worker: StartWorker, gate: Gate, fault: Fault
) -> None:
    """A worker that cannot reach Redis when its task finishes, or hears no answer, writes the outcome exactly once."""
    worker = start_worker(proxy.url)
    handle = await scenarios.count.aenqueue(gate=gate.path)

    async with _watch(handle) as states:
        await _wait_for_progress(states)
        await _lose_redis(worker, proxy, gate, fault)

    _assert_complete(states)
    assert (await handle.arefresh()).version == states[-1].version


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.BLACK_HOLE, Fault.LOST_ANSWERS])
async def test_the_end_comes_though_an_attempt_failed_without_redis(
    scenarios: Scenarios, proxy: Proxy, start_worker: StartWorker, gate: Gate, fault: Fault
) -> None:
    """A failed attempt whose outcome could not be written is followed by the next one all the same."""
    worker = start_worker(proxy.url)
    handle = await scenarios.stumble.aenqueue(gate=gate.path)

    async with _watch(handle) as states:
        await _wait_for_progress(states)
        await _lose_redis(worker, proxy, gate, fault)

    _assert_complete(states)
    assert await handle.aresult(timedelta(seconds=SECONDS)) == 2


async def test_the_end_comes_though_subscriptions_were_lost(
    scenarios: Scenarios, server: RedisServer, start_worker: StartWorker, gate: Gate
) -> None:
    """A watcher whose subscribed connection is closed again and again misses no end."""
    start_worker(server.url)
    handle = await scenarios.count_async.aenqueue(gate=gate.path)

    async with _watch(handle) as states:
        with redis.Redis.from_url(server.url) as client:
            for _ in range(3):
                await _wait_for_progress(states)
                await asyncio.to_thread(wait_until, lambda: client.client_list("pubsub"), "a subscribed connection")
                client.client_kill_filter(_type="pubsub")
                states.clear()
            gate.open()

    _assert_complete(states)


def test_a_run_waits_through_a_restart_for_its_worker(
    scenarios: Scenarios, server: RedisServer, start_worker: StartWorker
) -> None:
    """What was enqueued before a crash is performed after it."""
    handle = scenarios.add.enqueue(left=2, right=3)
    server.kill()
    server.start()

    start_worker(server.url)

    wait_until(lambda: handle.refresh().is_terminal, "the end", SECONDS)
    assert handle.result(timedelta(seconds=SECONDS)).value == 5


@asynccontextmanager
async def _watch(handle: Handle[object]) -> AsyncIterator[list[Snapshot]]:
    """Collect the states of a run during the block, and afterwards until it has ended."""
    states: list[Snapshot] = []

    async def collect() -> None:
        async for state in handle.updates():
            states.append(state)  # noqa: PERF401 - others look at the list meanwhile

    watching = asyncio.create_task(collect())
    try:
        yield states
        async with asyncio.timeout(SECONDS):
            await watching
    finally:
        watching.cancel()


async def _lose_redis(worker: Worker, proxy: Proxy, gate: Gate, fault: Fault) -> None:
    """Let the task go on while the worker is cut off, and give Redis back once the worker has noticed."""
    proxy.fault = fault
    if fault is Fault.REFUSE:
        proxy.cut()
    gate.open()
    await asyncio.to_thread(wait_until, lambda: AWAY in worker.said, "the worker's loss of Redis")
    proxy.cut()
    proxy.fault = Fault.PASS


async def _wait_for_progress(states: list[Snapshot]) -> None:
    await asyncio.to_thread(wait_until, lambda: states and states[-1].progress > 0, "some progress")


def _assert_complete(states: list[Snapshot]) -> None:
    assert all(before.version < after.version for before, after in pairwise(states))
    assert [state.is_terminal for state in states] == [*[False] * (len(states) - 1), True]
    assert states[-1].status is TaskStatus.COMPLETED


def _settings(url: str, directory: Path) -> Settings:
    return Settings(url=url, namespace="test", uploads=directory / "uploads")
