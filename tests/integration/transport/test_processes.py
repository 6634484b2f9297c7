"""Worker processes that die, under Dramatiq's own command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.integration.transport.conftest import QUEUE, MakeTransport, message
from tests.patience import SECONDS
from tests.processes import is_alive, wait_until
from tests.programs import ROOT, Worker

MakeWorker = Callable[[], Worker]


@pytest.fixture
def make_worker(redis_url: str, namespace: str, tmp_path: Path) -> MakeWorker:
    """Make worker processes of `worker_app`."""

    def make() -> Worker:
        environment = {"TRANSPORT_URL": redis_url, "TRANSPORT_NAMESPACE": namespace}
        log = tmp_path / f"worker-{time.monotonic_ns()}.log"
        return Worker("tests.integration.transport.worker_app:broker", environment=environment, log=log, threads=2)

    return make


def pids(client: redis.Redis, key: str) -> list[int]:
    return [int(text) for text in client.lrange(key, 0, -1)]


def test_a_killed_worker_is_replaced_within_the_lease_and_a_second(
    make_worker: MakeWorker, make_transport: MakeTransport, client: redis.Redis, namespace: str
) -> None:
    """Another worker begins what a killed one has held, once its lease has lapsed, and not before."""
    transport = make_transport()
    with make_worker():
        transport.enqueue(message("m", actor="hold", args=("m",)))
        wait_until(lambda: pids(client, f"{namespace}-begun:m"), "it has begun")
        (first,) = pids(client, f"{namespace}-begun:m")
        with make_worker():
            killed = time.monotonic()
            os.kill(first, signal.SIGKILL)

            wait_until(lambda: len(pids(client, f"{namespace}-begun:m")) == 2, "it has begun again")

            assert 0.5 < time.monotonic() - killed < 2.2
            client.set(f"{namespace}-gate", 1)
            wait_until(lambda: transport.depth(QUEUE) == (0, 0, 0, 0), "it has ended")
            assert len(pids(client, f"{namespace}-ended:m")) == 1


def test_a_message_that_kills_every_worker_ends_in_the_dead_letters(
    make_worker: MakeWorker, make_transport: MakeTransport, client: redis.Redis, namespace: str
) -> None:
    """After as many dead workers as `max_deliveries` says the message is given up, and others are performed."""
    transport = make_transport()
    transport.enqueue(message("poison", actor="kill"))
    for deaths in (1, 2):
        with make_worker():
            begun = f"{namespace}-begun:kill"
            wait_until(lambda key=begun, count=deaths: len(pids(client, key)) == count, "it was delivered")
            client.rpush(f"{namespace}-armed", 1)
            victim = pids(client, begun)[-1]
            wait_until(lambda pid=victim: not is_alive(pid), "it has killed")

    with make_worker():
        wait_until(lambda: transport.depth(QUEUE).dead == 1, "it is given up")
        client.set(f"{namespace}-gate", 1)
        transport.enqueue(message("m", actor="hold", args=("m",)))
        wait_until(lambda: pids(client, f"{namespace}-ended:m"), "another one is performed")

    assert len(pids(client, f"{namespace}-begun:kill")) == 2
    assert [letter.reason for letter in transport.dead.read(QUEUE)] == ["DELIVERIES_EXHAUSTED"]


def test_gevent_is_refused_at_start(redis_url: str, namespace: str) -> None:
    """In one line that says what to use in its place, and not when the first message has been performed."""
    words = [
        str(Path(sys.executable).with_name("dramatiq-gevent")),
        "tests.integration.transport.worker_app:broker",
        "-p",
        "1",
    ]
    environment = {"TRANSPORT_URL": redis_url, "TRANSPORT_NAMESPACE": namespace, "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        words, env={**os.environ, **environment}, capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert done.returncode == 2
    assert "Use `dramatiq` or `strawberry-tasks worker` in place of `dramatiq-gevent`" in done.stderr
    assert "Traceback" not in done.stderr
