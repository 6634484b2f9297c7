"""While Redis is away a mutation fails soon, with a code, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import strawberry

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.errors import QueueUnavailableError
from tests.apps.scenarios import Scenarios
from tests.apps.settings import Settings
from tests.processes import wait_until
from tests.servers import Fault, Proxy, RedisServer

LIMIT = 2.0
"""Seconds within which a client has its answer."""

BLOCKED = 1.0
"""Seconds for which the event loop stands still where it waits for Redis itself."""

CROWD = 50
"""How many mutations one event loop executes at a time."""

ADD = "mutation { add(left: 1, right: 1) { id } }"

MakeTasks = Callable[..., Tasks]


@strawberry.type
class Query:
    ok: bool = True


@pytest.fixture
def make_tasks(tmp_path: Path) -> Iterator[MakeTasks]:
    """Make tasks with the store and the broker at these URLs."""
    made: list[Tasks] = []

    def make(*, store: str, broker: str) -> Tasks:
        made.append(Settings(url=store, broker=broker, namespace="test", uploads=tmp_path / "uploads").make_tasks())
        return made[-1]

    yield make
    for tasks in made:
        tasks.close()


@pytest.fixture(params=["both", "broker", "store"])
def scenarios(
    request: pytest.FixtureRequest, make_tasks: MakeTasks, server: RedisServer, proxy: Proxy, tmp_path: Path
) -> Scenarios:
    """The scenarios with the store, the broker or both behind the proxy; they have worked before."""
    scenarios = Scenarios(
        make_tasks(
            store=server.url if request.param == "broker" else proxy.url,
            broker=server.url if request.param == "store" else proxy.url,
        )
    )
    scenarios.add.enqueue(left=0, right=0)
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
    (tmp_path / "uploads").mkdir()
    return scenarios


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.BLACK_HOLE, Fault.LOST_ANSWERS])
def test_enqueue_fails_soon_and_leaves_nothing(
    scenarios: Scenarios, server: RedisServer, proxy: Proxy, tmp_path: Path, fault: Fault
) -> None:
    """The caller learns it within the limit; record and upload are gone then, or once Redis is back to say that it did not begin."""
    proxy.fault = fault
    proxy.cut()

    started = time.monotonic()
    with pytest.raises(QueueUnavailableError):
        scenarios.measure.enqueue(file=io.BytesIO(b"sku,stock\n"))
    took = time.monotonic() - started

    assert took < LIMIT
    proxy.cut()
    proxy.fault = Fault.PASS
    wait_until(lambda: not _records(server), "the removal of the record")
    wait_until(lambda: not list((tmp_path / "uploads").iterdir()), "the removal of the upload")
    if fault is not Fault.LOST_ANSWERS:
        assert _messages(server) == 0


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.BLACK_HOLE])
async def test_a_crowd_of_mutations_is_refused_as_soon(
    scenarios: Scenarios, server: RedisServer, proxy: Proxy, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """However many mutations meet the outage, each has its answer within the limit, and the event loop stays free."""
    schema = Schema(Query, extensions=[scenarios.tasks.extension])
    # Strawberry logs each error on the event loop, with a traceback that takes it longer than all the rest.
    caplog.set_level(logging.CRITICAL, "strawberry.execution")
    proxy.fault = fault
    proxy.cut()

    async with _Pulse() as pulse:
        answers = await asyncio.gather(*(_execute(schema) for _ in range(CROWD)))

    assert {code for code, _ in answers} == {"QUEUE_UNAVAILABLE"}
    assert max(took for _, took in answers) < LIMIT
    assert pulse.longest_gap < BLOCKED
    proxy.cut()
    proxy.fault = Fault.PASS
    wait_until(lambda: not _records(server), "the removal of the records")
    assert _messages(server) == 0


async def test_mutations_work_again_when_redis_is_back(scenarios: Scenarios, proxy: Proxy) -> None:
    """An outage leaves nothing that would refuse a mutation after it."""
    schema = Schema(Query, extensions=[scenarios.tasks.extension])
    proxy.fault = Fault.REFUSE
    proxy.cut()
    await asyncio.gather(*(_execute(schema) for _ in range(CROWD)))

    proxy.fault = Fault.PASS
    answers = await asyncio.gather(*(_execute(schema) for _ in range(CROWD)))

    assert {code for code, _ in answers} == {None}


class _Pulse:
    """Measures for how long the event loop stood still while its thread neither ran nor waited for a processor."""

    def __init__(self) -> None:
        self.longest_gap = 0.0

    async def __aenter__(self) -> _Pulse:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        self._task.cancel()

    async def _beat(self) -> None:
        before = _time_at_rest()
        while True:
            await asyncio.sleep(0.01)
            now = _time_at_rest()
            self.longest_gap = max(self.longest_gap, now - before)
            before = now


def _time_at_rest() -> float:
    """Return the seconds that have passed, less those in which this thread ran or, where Linux tells, was kept from running."""
    schedule = Path("/proc/thread-self/schedstat")
    kept_waiting = int(schedule.read_text().split()[1]) / 1e9 if schedule.exists() else 0.0
    return time.monotonic() - time.thread_time() - kept_waiting


async def _execute(schema: Schema) -> tuple[Any, float]:
    """Execute the mutation, and return the code of its error and how long it took."""
    started = time.monotonic()
    answer = await schema.execute(ADD, context_value={})
    (code,) = [(error.extensions or {}).get("code") for error in answer.errors or []] or [None]
    return code, time.monotonic() - started


def _records(server: RedisServer) -> list[bytes]:
    with redis.Redis.from_url(server.url) as client:
        return list(client.scan_iter("test:run:*"))


def _messages(server: RedisServer) -> int:
    """Return how many messages wait; Dramatiq keeps them in hashes beside its queues."""
    with redis.Redis.from_url(server.url) as client:
        return sum(client.hlen(key) for key in client.scan_iter("test-queue:*.msgs"))
