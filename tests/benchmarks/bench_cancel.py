"""How long a cancel takes: of a queued run, until it is CANCELED; of a running async task, until a watcher sees that.

Run it as ``python tests/benchmarks/bench_cancel.py [runs]``.
"""

from __future__ import annotations

import asyncio
import sys
import time

import redis
from report import percentile, show
from server import fresh_namespace, redis_url
from workers import configure, workers

from strawberry_tasks import TaskStatus

RUNS = 200
IGNORED = 10
"""So many of the first only warm up."""


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with redis_url() as url, fresh_namespace(url) as namespace, redis.Redis.from_url(url) as client:
        configure(url, namespace)
        figures = {"a PING": _pings(client, runs), "cancel() of a queued run": _queued(runs)}
        with workers(1, threads=2, queues=["endless"]):
            figures["cancel of a running async task → CANCELED at a watcher"] = asyncio.run(_running(runs))
    rows = [[name, percentile(all_, 50), percentile(all_, 99), max(all_)] for name, all_ in figures.items()]
    show(f"Cancel, ms, {runs} times", ["", "p50", "p99", "max"], rows)


def _pings(client: redis.Redis, runs: int) -> list[float]:
    delays = []
    for _ in range(runs + IGNORED):
        begin = time.perf_counter()
        client.ping()
        delays.append(1000 * (time.perf_counter() - begin))
    return delays[IGNORED:]


def _queued(runs: int) -> list[float]:
    from tracked import wait_for_ever  # noqa: PLC0415 - it reads what `configure` has set

    delays = []
    for handle in wait_for_ever.enqueue_many([()] * (runs + IGNORED)):
        begin = time.perf_counter()
        state = handle.cancel()
        delays.append(1000 * (time.perf_counter() - begin))
        assert state.status is TaskStatus.CANCELED, f"the run is {state.status}"
    return delays[IGNORED:]


async def _running(runs: int) -> list[float]:
    from tracked import tasks, wait_for_ever  # noqa: PLC0415 - it reads what `configure` has set

    delays = []
    for _ in range(runs + IGNORED):
        handle = await wait_for_ever.aenqueue()
        begin = 0.0
        async for state in handle.updates():
            if state.status is TaskStatus.RUNNING and not begin:
                # Long enough that the function waits by now.
                await asyncio.sleep(0.02)
                begin = time.perf_counter()
                await handle.acancel()
        delays.append(1000 * (time.perf_counter() - begin))
        assert state.status is TaskStatus.CANCELED, f"the run is {state.status}"
    tasks.close()
    return delays[IGNORED:]


if __name__ == "__main__":
    main()
