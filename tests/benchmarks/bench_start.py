"""How long after it was enqueued a task starts in an idle worker: ours, stock Dramatiq and Celery, in turns.

Run it as ``python tests/benchmarks/bench_start.py [tasks]``.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable

import redis
from peers import PEERS, delays_key, environment, present
from report import percentile, show
from server import fresh_namespace, redis_url
from workers import peer_workers

TASKS = 100
THREADS = 8
IDLE = 0.2
"""Seconds between two tasks, so that each finds the worker asleep."""

LABELS = {
    "tracked": "Tasks",
    "untracked": "Dramatiq over our transport",
    "stock": "Dramatiq over its RedisBroker",
    "celery": "Celery",
}


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(redis_url())
        measures = {name: _start(name, url, stack) for name in present(LABELS)}
        delays: dict[str, list[float]] = {name: [] for name in measures}
        for turn in range(count + 3):
            for name, measure in measures.items():
                delay = measure()
                if turn >= 3:  # The first ones find the workers starting.
                    delays[name].append(delay)
            time.sleep(IDLE)
    columns = ["", "p50", "p99", "max"]
    rows = [[LABELS[name], percentile(all_, 50), percentile(all_, 99), max(all_)] for name, all_ in delays.items()]
    show(f"From enqueue to the function's start in an idle worker, ms, {count} tasks each", columns, rows)


def _start(name: str, url: str, stack: contextlib.ExitStack) -> Callable[[], float]:
    namespace = stack.enter_context(fresh_namespace(url))
    peer = PEERS[name](url, namespace)
    options = ["--concurrency" if name == "celery" else "--threads", str(THREADS)]
    if name != "celery":
        options += ["--processes", "1"]
    stack.enter_context(peer_workers(peer.command + options, environment(name, url, namespace)))
    client = stack.enter_context(redis.Redis.from_url(url))

    def measure() -> float:
        peer.tell_start(time.monotonic())
        answer = client.blpop([delays_key(namespace)], timeout=60)
        if answer is None:
            raise TimeoutError(f"The worker of {name!r} does not answer.")
        return float(answer[1]) * 1000

    return measure


if __name__ == "__main__":
    main()
