"""A server that answers, and takes no writes: full, a replica, without its replicas, without a disk, or still loading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

import pytest
import redis

from strawberry_tasks import TaskStatus
from strawberry_tasks.contrib.health import look
from strawberry_tasks.errors import QueueUnavailableError, StoreUnavailableError
from strawberry_tasks.stores.redis_link import unavailable
from strawberry_tasks.stores.workers import WorkerInfo, open_roll
from tests.apps.scenarios import Gate, Scenarios
from tests.apps.settings import Settings
from tests.processes import wait_until
from tests.programs import Worker
from tests.servers import RedisServer

AWAY = "waits for the store"
"""What a worker logs that has an outcome to write and no store."""


class Refusal(Enum):
    """Why the server takes no writes: what brings it about, and what ends it."""

    FULL = (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"))
    REPLICA = (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"))
    NO_REPLICAS = (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0"))
    UNSAVED = (("CONFIG", "SET", "save", "3600 1000000"), ("CONFIG", "SET", "save", ""))


NEVER_WRITABLE = [refusal for refusal in Refusal if refusal is not Refusal.FULL]
"""Where nothing at all is written; what a full one still takes is in `test_full_redis`."""


@pytest.fixture
def scenarios(server: RedisServer, tmp_path: Path) -> Iterator[Scenarios]:
    """What enqueues and watches."""
    tasks = _settings(server, tmp_path).make_tasks()
    yield Scenarios(tasks)
    tasks.close()


@pytest.mark.parametrize("refusal", Refusal)
def test_nothing_is_started(scenarios: Scenarios, server: RedisServer, refusal: Refusal) -> None:
    """As where it does not answer at all; what it keeps can be read meanwhile."""
    handle = scenarios.add.enqueue(left=2, right=3)

    with _refused(server, refusal):
        with pytest.raises(QueueUnavailableError):
            scenarios.add.enqueue(left=2, right=3)
        with pytest.raises(QueueUnavailableError):
            scenarios.add.enqueue_many([{"left": 2, "right": 3}] * 3)

        assert handle.refresh().status is TaskStatus.PENDING


@pytest.mark.parametrize("refusal", Refusal)
def test_a_health_check_says_so(scenarios: Scenarios, server: RedisServer, refusal: Refusal) -> None:
    """Reads are answered, and yet no run can be started here."""
    assert look(scenarios.tasks).is_live

    with _refused(server, refusal):
        health = look(scenarios.tasks)

    assert not health.is_live
    assert f"127.0.0.1:{server.port}" in str(health.error)


@pytest.mark.parametrize("refusal", NEVER_WRITABLE)
def test_nothing_is_changed(scenarios: Scenarios, server: RedisServer, refusal: Refusal) -> None:
    """Whoever cancels a run, or claims one, learns that the store is away."""
    handle = scenarios.add.enqueue(left=2, right=3)
    store = scenarios.add._environment.runtime().store

    with _refused(server, refusal):
        with pytest.raises(StoreUnavailableError):
            handle.cancel()
        with pytest.raises(StoreUnavailableError):
            store.claim(handle.id)

        assert handle.refresh().status is TaskStatus.PENDING


@pytest.mark.parametrize("refusal", Refusal)
def test_workers_can_be_looked_at(server: RedisServer, refusal: Refusal) -> None:
    """Also where one was killed, whose report has expired and would be cleared away by whoever looks."""
    gone = open_roll(server.url, namespace="test", ttl=timedelta(milliseconds=300))
    roll = open_roll(server.url, namespace="test", ttl=timedelta(minutes=1))
    for each, name in ((gone, "gone"), (roll, "here")):
        started_at = datetime.now(UTC)
        each.note(WorkerInfo(id=name, host="box", pid=1, queues=[], threads=1, started_at=started_at, runs=[]))

    with _refused(server, refusal):
        wait_until(lambda: [worker.id for worker in roll.read()] == ["here"], "the other is gone")


@pytest.mark.parametrize("refusal", NEVER_WRITABLE)
def test_an_outcome_waits(
    scenarios: Scenarios, server: RedisServer, gate: Gate, tmp_path: Path, refusal: Refusal
) -> None:
    """A task that ends meanwhile is not performed twice, and the log says what is the matter without a flood."""
    with Worker(
        "tests.apps.scenarios_worker", environment=_settings(server, tmp_path).environment, log=tmp_path / "worker.log"
    ) as worker:
        handle = scenarios.count.enqueue(gate=gate.path)
        wait_until(lambda: handle.refresh().progress > 0, "some progress")

        with _refused(server, refusal):
            gate.open()
            wait_until(lambda: "outcome" in worker.said, "the worker has an outcome to write")
        wait_until(lambda: handle.refresh().is_terminal, "the end")

    run = handle.refresh()
    assert (run.status, run.attempt) == (TaskStatus.COMPLETED, 1)
    assert "Traceback" not in worker.said
    assert worker.said.count("WARNING") < 20


def test_a_server_that_loads_what_it_kept_is_away(scenarios: Scenarios, server: RedisServer) -> None:
    """It answers, and knows nothing yet; nobody takes that for a run that is gone."""
    handle = scenarios.add.enqueue(left=2, right=3)

    with _loading(server) as is_loading:
        with pytest.raises(StoreUnavailableError):
            handle.refresh()
        with pytest.raises(QueueUnavailableError):
            scenarios.add.enqueue(left=2, right=3)
        assert is_loading()

    assert handle.refresh().status is TaskStatus.PENDING
    assert scenarios.add.enqueue(left=2, right=3).refresh().status is TaskStatus.PENDING


async def test_a_watcher_waits_until_a_server_has_loaded(
    scenarios: Scenarios, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Though a server that loads takes subscriptions: the log tells of one outage, and the next state arrives."""
    handle = await scenarios.add.aenqueue(left=2, right=3)
    states = handle.updates()
    await anext(states)

    await asyncio.to_thread(_restart, server)
    await handle.acancel()

    assert (await anext(states)).status is TaskStatus.CANCELED
    assert caplog.text.count("The link to the store is lost") == 1


@pytest.mark.parametrize(
    "answer",
    [
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
        "BUSY Redis is busy running a script.",
        "Error running script (call to f_a1): @user_script:7: @user_script: 7: -READONLY You can't write against a read only replica.",
    ],
)
def test_answers_without_a_class(answer: str) -> None:
    """What redis-py knows as nothing but an error of the server is told apart by its words."""
    with pytest.raises(StoreUnavailableError, match=r"The task store at here does not answer: "), unavailable("here"):
        raise redis.ResponseError(answer)


def test_what_is_no_outage_is_one_of_our_errors_too() -> None:
    """It says so to operators, and clients read nothing of it."""
    with (
        pytest.raises(StoreUnavailableError, match=r"at here has refused a request: .*READONLY") as caught,
        unavailable("here"),
    ):
        raise redis.ResponseError("wrong number of arguments: READONLY")

    assert "READONLY" not in caught.value.message


@contextmanager
def _refused(server: RedisServer, refusal: Refusal) -> Iterator[None]:
    begin, end = refusal.value
    with redis.Redis.from_url(server.url) as client:
        if refusal is Refusal.UNSAVED:
            _fail_to_save(server, client)
        client.execute_command(*begin)
        try:
            yield
        finally:
            client.execute_command(*end)


def _fail_to_save(server: RedisServer, client: redis.Redis) -> None:
    # No file can take the place of a directory.
    (server.directory / "dump.rdb").mkdir()
    client.bgsave()
    wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "saving fails")


@contextmanager
def _loading(server: RedisServer) -> Iterator[Callable[[], bool]]:
    """Restart the server with so much to load that it takes seconds; at the end of the block, wait until it has."""
    with redis.Redis.from_url(server.url) as client, client.pipeline(transaction=False) as pipeline:
        for number in range(40_000):
            pipeline.set(f"ballast:{number}", number)
        pipeline.execute()
    server.kill()
    server.launch(key_load_delay=20)
    with redis.Redis.from_url(server.url) as client:
        wait_until(lambda: _is_loading(client), "the server loads")
        yield lambda: _is_loading(client)
    wait_until(server.answers, "the server has loaded")


def _restart(server: RedisServer) -> None:
    with _loading(server):
        pass


def _is_loading(client: redis.Redis) -> bool:
    try:
        client.ping()
    except redis.exceptions.BusyLoadingError:
        return True
    except redis.ConnectionError:
        return False
    return False


def _settings(server: RedisServer, directory: Path) -> Settings:
    return Settings(url=server.url, namespace="test", uploads=directory / "uploads")
