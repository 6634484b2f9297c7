"""A Redis without memory for more: new runs give way, and what was accepted comes to its end by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from strawberry_tasks import Handle, TaskStatus
from strawberry_tasks.contrib.embedded import find_server
from strawberry_tasks.errors import QueueUnavailableError, StoreUnavailableError
from strawberry_tasks.snapshot import Failure
from strawberry_tasks.stores.base import Change, Claim, Lease
from strawberry_tasks.stores.workers import WorkerInfo, open_roll
from tests.apps.settings import Settings
from tests.faults.tasks import FaultTasks, make_tasks
from tests.patience import PATIENCE
from tests.processes import wait_until
from tests.programs import Worker
from tests.servers import RedisServer

LIMIT = 20 * 2**20
"""The server's ``maxmemory``, in bytes."""

LOAD = "x" * 150_000
"""The argument of each run; the server has room for about 130 of them."""

RUNS = 200

LEASE = timedelta(seconds=2)

SERVERS = {"found": find_server(), "bundled": find_server(path="")}
"""A Redis, where one is installed, and the Valkey of the ``embedded`` extra."""


class Stage:
    """A server that is soon full, its tasks, and its workers."""

    def __init__(self, server: RedisServer, settings: Settings, directory: Path, stack: ExitStack) -> None:
        self.server = server
        self.tasks: FaultTasks = make_tasks(settings)
        self.gate = directory / "gate"
        self._settings = settings
        self._log = directory / "worker.log"
        self._stack = stack
        stack.callback(self.tasks.tasks.close)
        self.client = stack.enter_context(redis.Redis.from_url(server.url, decode_responses=True))

    def start_worker(self, *, threads: int = 8) -> Worker:
        """Start a worker; it ends with the test."""
        environment = self._settings.environment
        worker = Worker("tests.faults.worker:broker", environment=environment, log=self._log, threads=threads)
        return self._stack.enter_context(worker)

    def fill(self, **arguments: Any) -> tuple[list[Handle[str]], list[QueueUnavailableError]]:
        """Enqueue more runs than there is room for, and return what was accepted and the refusals."""
        accepted, refused = [], []
        for _ in range(RUNS):
            try:
                accepted.append(self.tasks.weigh.enqueue(LOAD, **arguments))
            except QueueUnavailableError as error:
                refused.append(error)
        return accepted, refused

    def exhaust(self) -> None:
        """Leave no memory at all."""
        self.client.config_set("maxmemory", "1")

    def memory(self) -> int:
        """Return how many bytes are in use."""
        return int(self.client.info("memory")["used_memory"])

    def statuses(self, handles: list[Handle[str]]) -> set[TaskStatus]:
        """Return the statuses that the runs have."""
        runs = self.tasks.tasks.runtime().store.read([handle.id for handle in handles])
        return {run.status for run in runs if run is not None}


@pytest.fixture(params=SERVERS)
def full_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A server with little memory."""
    binary = SERVERS[request.param]
    if binary is None:
        pytest.skip(f"there is no server of the kind {request.param!r}")
    with RedisServer(binary) as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", str(LIMIT))
            client.config_set("appendfsync", "no")
        yield server


@pytest.fixture(params=["joined", "separate"])
def stage(request: pytest.FixtureRequest, full_server: RedisServer, tmp_path: Path) -> Iterator[Stage]:
    """Tasks over it; with messages in a database of their own, records and messages are written one after the other."""
    broker = full_server.url.removesuffix("0") + "1" if request.param == "separate" else ""
    settings = Settings(
        url=full_server.url,
        broker=broker,
        namespace="full",
        uploads=tmp_path / "uploads",
        lease=LEASE,
    )
    with ExitStack() as stack:
        yield Stage(full_server, settings, tmp_path, stack)


async def test_what_was_accepted_ends_by_itself(stage: Stage) -> None:
    """Who was refused is told why, and left nothing behind; watchers see the ends, and then there is room again."""
    empty = stage.memory()
    accepted, refused = await asyncio.to_thread(stage.fill)
    watched = [asyncio.create_task(handle.aresult(timeout=PATIENCE)) for handle in accepted]
    await asyncio.to_thread(stage.start_worker)
    await asyncio.gather(*watched)

    assert len(accepted) > RUNS / 4
    assert len(refused) > RUNS / 4
    assert all("no memory left" in str(error) and not error.unsettled for error in refused)
    assert stage.client.zcard("full:runs") == len(accepted)
    assert stage.statuses(accepted) == {TaskStatus.COMPLETED}
    wait_until(lambda: stage.memory() < empty + LIMIT / 4, "the memory returns")
    assert await stage.tasks.weigh.enqueue(LOAD).aresult(timeout=PATIENCE) == ""


def test_what_runs_goes_on(stage: Stage) -> None:
    """It is renewed, canceled and retried as ever; its progress waits for room and keeps nobody up."""
    weigh = stage.tasks.weigh
    worker = stage.start_worker()
    running = [weigh.enqueue("", gate=str(stage.gate)) for _ in range(3)]
    wait_until(lambda: stage.statuses(running) == {TaskStatus.RUNNING}, "they run")
    waiting = weigh.using(delay=timedelta(hours=1)).enqueue("")
    stage.exhaust()

    with pytest.raises(QueueUnavailableError, match="no memory left"):
        weigh.enqueue("")
    waiting.cancel()
    running[0].cancel()
    wait_until(lambda: running[0].refresh().is_terminal, "it has met the request")
    leased = stage.client.zscore("full:leases", running[1].id)
    wait_until(lambda: stage.client.zscore("full:leases", running[1].id) > leased, "it is renewed")
    stage.gate.touch()
    wait_until(lambda: all(handle.refresh().is_terminal for handle in running), "the ends")

    assert [handle.refresh().status for handle in (waiting, *running)] == [
        TaskStatus.CANCELED,
        TaskStatus.CANCELED,
        TaskStatus.COMPLETED,
        TaskStatus.COMPLETED,
    ]
    assert {handle.refresh().attempt for handle in running} == {1}
    assert "in other hands" not in worker.said


def test_progress_gives_way(stage: Stage) -> None:
    """It is refused, and the attempt goes on; the latest is written once there is room."""
    store = stage.tasks.tasks.runtime().store
    handle = stage.tasks.weigh.enqueue("")
    claim = store.claim(handle.id, token="mine")
    assert isinstance(claim, Claim)
    progress = Change(run_id=handle.id, attempt=claim.snapshot.attempt, values={"progress": 50.0})
    stage.exhaust()

    with pytest.raises(StoreUnavailableError) as refusal:
        store.apply([progress])
    assert "no memory left" in refusal.value.message
    assert store.renew([(handle.id, claim.snapshot.attempt)]) == [Lease.HELD]

    stage.client.config_set("maxmemory", "0")
    assert store.apply([progress]) != [None]


def test_results_take_a_tenth_more_at_the_most(stage: Stage) -> None:
    """A run whose result does not fit any more is FAILED rather than held up, and says why."""
    handles = [stage.tasks.weigh.enqueue("", answer=200_000) for _ in range(30)]
    room = LIMIT - stage.memory()
    for number in range(room // 10_000 + 1):
        with contextlib.suppress(redis.OutOfMemoryError):
            stage.client.set(f"ballast:{number}", "x" * 10_000)

    # What several send at a time counts as memory, too.
    stage.start_worker(threads=1)
    wait_until(lambda: all(handle.refresh().is_terminal for handle in handles), "the ends")

    runs = [handle.refresh() for handle in handles]
    failed = [run for run in runs if run.status is TaskStatus.FAILED]
    assert 0 < len(failed) < len(runs)
    assert {run.failure.code for run in failed if run.failure} == {"STORE_FULL"}
    assert stage.memory() < LIMIT * 1.2  # with the buffers of clients


def test_a_failure_keeps_its_message(stage: Stage) -> None:
    """Its traceback goes, where there is no memory for it."""
    store = stage.tasks.tasks.runtime().store
    handle = stage.tasks.weigh.enqueue("")
    claim = store.claim(handle.id, token="mine")
    assert isinstance(claim, Claim)
    failure = Failure(code="ODD", message="It was odd.", traceback="line\n" * 1000)
    values = {"status": TaskStatus.FAILED, "failure": failure}
    stage.exhaust()

    store.apply([Change(run_id=handle.id, attempt=claim.snapshot.attempt, values=values)])

    assert handle.refresh().failure == replace(failure, traceback=None)


def test_operators_can_see_and_act(stage: Stage) -> None:
    """Workers report themselves, and a schedule can be paused."""
    store = stage.tasks.tasks.runtime().store
    roll = open_roll(stage.server.url, namespace="full", ttl=timedelta(minutes=1))
    started_at = datetime.now(UTC)
    stage.exhaust()

    roll.note(WorkerInfo(id="here", host="box", pid=1, queues=[], threads=1, started_at=started_at, runs=[]))
    store.schedules(["nightly"])
    store.pause("nightly", paused=True)

    assert [worker.id for worker in roll.read()] == ["here"]
    assert [state.is_paused for state in store.schedules(["nightly"])[1]] == [True]
    roll.close()
