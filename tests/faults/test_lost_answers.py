"""What was asked for is done, and the answer is lost: an enqueue is never refused though it goes on, and no attempt is left out."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from strawberry_tasks import Handle, Tasks, TaskStatus
from strawberry_tasks.errors import QueueUnavailableError
from tests.apps.scenarios import Measure, Scenarios
from tests.apps.settings import Settings
from tests.faults.stage import Exposed, Stage, treat
from tests.processes import wait_until
from tests.programs import Worker
from tests.servers import Fault, Proxy, RedisServer

CONTENT = b"sku,stock\n"


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """Where the files of runs are."""
    directory = tmp_path / "uploads"
    directory.mkdir()
    return directory


@pytest.fixture
def worker(server: RedisServer, uploads: Path, tmp_path: Path) -> Callable[[], Worker]:
    """Make a worker that nothing keeps from Redis; not started yet."""

    def make() -> Worker:
        environment = Settings(url=server.url, namespace="test", uploads=uploads, broker=server.url).environment
        return Worker("tests.apps.scenarios_worker", environment=environment, log=tmp_path / "worker.log")

    return make


@pytest.fixture
def cut_off(server: RedisServer, proxy: Proxy, uploads: Path) -> Iterator[Scenarios]:
    """The tasks of a process that reaches Redis through the proxy only."""
    yield from _connected(Settings(url=proxy.url, namespace="test", uploads=uploads).make_tasks(), server)


@pytest.fixture
def without_queue(server: RedisServer, proxy: Proxy, uploads: Path) -> Iterator[Scenarios]:
    """The tasks of a process that reaches the queue through the proxy only, and the store without."""
    settings = Settings(url=server.url, namespace="test", uploads=uploads, broker=proxy.url)
    yield from _connected(settings.make_tasks(), server)


def test_answers_come_again(
    cut_off: Scenarios, server: RedisServer, proxy: Proxy, uploads: Path, worker: Callable[[], Worker]
) -> None:
    """Asked again, the queue says that it has the run: the caller has its handle, and it is performed once."""
    proxy.fault = Fault.LOST_ANSWERS
    enqueuing = _enqueue(cut_off)
    wait_until(lambda: _records(server), "the record")
    proxy.fault = Fault.PASS

    handle = enqueuing.result(5)

    assert _records(server) == [handle.id]
    with worker():
        wait_until(lambda: handle.refresh().is_terminal, "the end")
    assert (handle.refresh().attempt, handle.result().size) == (1, len(CONTENT))


def test_open_connections_are_dead(cut_off: Scenarios, server: RedisServer, proxy: Proxy) -> None:
    """Where something on the way has forgotten all open connections, the enqueue is repeated over a new one."""
    proxy.fault = Fault.SLOW
    for future in [_enqueue(cut_off) for _ in range(3)]:  # At once, so that each has a connection.
        future.result(5)
    proxy.fault = Fault.PASS
    before = len(_records(server))
    proxy.freeze()

    handle = _enqueue(cut_off).result(5)

    assert handle.refresh().status is TaskStatus.PENDING
    assert len(_records(server)) == before + 1


def test_a_worker_has_begun_it(without_queue: Scenarios, proxy: Proxy, worker: Callable[[], Worker]) -> None:
    """A run that cannot be taken back since it has begun was started: the caller has its handle, and the task its file."""
    with worker():
        proxy.fault = Fault.LOST_ANSWERS

        handle = _enqueue(without_queue).result(5)

        assert handle.result().size == len(CONTENT)


def test_nobody_has_begun_it(without_queue: Scenarios, server: RedisServer, proxy: Proxy, uploads: Path) -> None:
    """The caller is told that nothing was started, and then nothing is there; its message performs nothing."""
    proxy.fault = Fault.LOST_ANSWERS

    with pytest.raises(QueueUnavailableError) as caught:
        _enqueue(without_queue).result(5)

    assert caught.value.unsettled == ()
    assert _records(server) == []
    assert list(uploads.iterdir()) == []


def test_nothing_can_be_known(cut_off: Scenarios, server: RedisServer, proxy: Proxy, uploads: Path) -> None:
    """The caller is told that it is not known; once it is, the run is taken back, and its file with it."""
    proxy.fault = Fault.LOST_ANSWERS

    with pytest.raises(QueueUnavailableError) as caught:
        _enqueue(cut_off).result(5)
    kept = len(list(uploads.iterdir()))
    refused = _records(server)
    proxy.cut()
    proxy.fault = Fault.PASS

    assert list(caught.value.unsettled) == refused
    assert kept == 1
    wait_until(lambda: not _records(server), "the removal of the record")
    wait_until(lambda: not list(uploads.iterdir()), "the removal of the file")


def test_a_worker_begins_what_nothing_is_known_of(
    cut_off: Scenarios, server: RedisServer, proxy: Proxy, uploads: Path, worker: Callable[[], Worker]
) -> None:
    """The run that the error names goes on, and finds its file."""
    with worker():
        proxy.fault = Fault.LOST_ANSWERS

        with pytest.raises(QueueUnavailableError) as caught:
            _enqueue(cut_off).result(5)

        (run_id,) = caught.value.unsettled
        proxy.cut()
        proxy.fault = Fault.PASS
        store = cut_off.tasks.runtime().store
        wait_until(lambda: (run := store.read([run_id])[0]) is not None and run.is_terminal, "the end")
        (run,) = store.read([run_id])
        assert run is not None
        assert run.status is TaskStatus.COMPLETED


def test_a_claim_is_made_once(tmp_path: Path) -> None:
    """A worker that does not hear that it has an attempt asks again, and performs that one."""
    with Stage(tmp_path, exposed=Exposed.STORE, lease=timedelta(seconds=3)) as stage:
        work, journal, gate = stage.tasks.work, stage.journal, stage.gate("gate")
        stage.start_worker(stage.first_proxy, threads=2)
        # Each has a connection, of which the claim finds one.
        before = [work.enqueue(journal.path, gate=str(gate)) for _ in range(2)]
        wait_until(lambda: all(journal.has(handle.id, "begun") for handle in before), "both attempts")
        gate.touch()
        wait_until(lambda: all(handle.refresh().is_terminal for handle in before), "the end of both")
        treat(stage.first_proxy, Fault.LOST_ANSWERS)

        handle = work.enqueue(journal.path)
        wait_until(lambda: handle.refresh().status is TaskStatus.RUNNING, "the claim")
        stage.first_proxy.fault = Fault.PASS
        wait_until(lambda: handle.refresh().is_terminal, "the end")

        assert journal.executions(handle.id) == [1]


def _connected(tasks: Tasks, server: RedisServer) -> Iterator[Scenarios]:
    """Let it have a connection: over a new one, the enqueue would wait for other answers first."""
    scenarios = Scenarios(tasks)
    scenarios.add.enqueue(left=0, right=0)
    with redis.Redis.from_url(server.url) as client:
        client.flushdb()
    yield scenarios
    tasks.close()


def _enqueue(scenarios: Scenarios) -> Future[Handle[Measure]]:
    """Enqueue on a thread of its own, and return what comes of it."""
    future: Future[Handle[Measure]] = Future()

    def enqueue() -> None:
        try:
            future.set_result(scenarios.measure.enqueue(file=io.BytesIO(CONTENT)))
        except QueueUnavailableError as error:
            future.set_exception(error)

    threading.Thread(target=enqueue, daemon=True).start()
    return future


def _records(server: RedisServer) -> list[str]:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        return [key.rpartition(":")[2] for key in client.scan_iter("test:run:*")]
