"""What runs leave behind in Redis once they have expired."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import redis
from dramatiq import Worker

from strawberry_tasks import Tasks
from strawberry_tasks.policy import Viewer

BATCH = 5000
PULSE = "pulse"
"""What tells an outage from a lost worker: a key of the namespace, with a time to live, and not of any run."""

WORKERS = "worker"
"""What the keys begin with by which workers report themselves; they have a time to live, and are of no run."""


class Use(NamedTuple):
    """What is used of a server."""

    memory: int
    """In bytes."""

    keys: int
    """Keys of the namespace that tell of runs or their messages."""


class Leftovers(NamedTuple):
    """What is used before many runs, when all have ended, and once all have expired."""

    before: Use
    ended: Use
    after: Use


def measure(url: str, namespace: str, *, runs: int, kept: timedelta) -> Leftovers:
    """Have runs of ten owners performed, some of them failing, with keys and tags; then wait until they have expired.

    Args:
        url: A server that nobody else uses.
        namespace: One that nobody uses.
        runs: How many.
        kept: How long the record of a run is kept once it has ended; all should end in that time.
    """
    tasks = Tasks(url, namespace=namespace, result_ttl=kept, max_retries=0, expires=timedelta(hours=1))

    @tasks.task()
    def work(number: int) -> int:
        if number % 100 == 0:
            raise ValueError(number)
        return number

    def perform(count: int) -> None:
        owners = [work.using(viewer=Viewer(id=f"owner-{number}"), tags=["some", "words"]) for number in range(10)]
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            owners[first // BATCH % 10].enqueue_many([(number,) for number in numbers])
            work.using(key=f"{first}").enqueue(number=1)
        _wait_until(lambda: tasks.broker.do_qsize("default") == 0)

    with redis.Redis.from_url(url) as client:
        worker = Worker(tasks.broker, worker_threads=8)
        worker.start()
        try:
            # What a server and a client set up for the first run stays.
            perform(100)
            before = _wait_until_expired(client, namespace)
            perform(runs)
            ended = _use(client, namespace)
            return Leftovers(before, ended, _wait_until_expired(client, namespace))
        finally:
            worker.stop(timeout=5000)
            tasks.close()


def _wait_until_expired(client: redis.Redis, namespace: str) -> Use:
    """Wait until no key is left, and the server has shrunk its tables, which it does over some time."""
    _wait_until(lambda: _use(client, namespace).keys == 0)
    least, since = _use(client, namespace), time.monotonic()
    while time.monotonic() < since + 1:
        time.sleep(0.1)
        if (now := _use(client, namespace)).memory < 0.99 * least.memory:
            least, since = now, time.monotonic()
    return least


def _use(client: redis.Redis, namespace: str) -> Use:
    # Asking for a key has it removed if it has expired.
    keys = [key.decode() for key in client.scan_iter(f"{namespace}:*", count=5000)]
    keys = [key for key in keys if not key.endswith(PULSE) and not key.startswith(f"{namespace}:{WORKERS}")]
    return Use(int(client.info("memory")["used_memory"]), len(keys))  # type: ignore[index]


def _wait_until(condition: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("It takes too long.")
        time.sleep(0.1)
