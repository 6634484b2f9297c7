"""The tasks of benchmarks; imported by the worker processes, too.

``BENCH_URL`` and ``BENCH_NAMESPACE`` say where they work.
"""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta

import redis

from strawberry_tasks import TaskContext, Tasks

URL = os.environ["BENCH_URL"]
NAMESPACE = os.environ["BENCH_NAMESPACE"]
BARE_CHANNEL = f"{NAMESPACE}:bare"
INTERVAL = timedelta(milliseconds=10)
"""So short that a call that comes alone is never held back."""

tasks = Tasks(URL, namespace=NAMESPACE, progress_interval=INTERVAL, result_ttl=timedelta(minutes=5))
broker = tasks.broker


@tasks.mutation(queue="timed")
def report_times(task: TaskContext, calls: int) -> None:
    """Tell the time by a progress call and by a bare message, in turns.

    `time.monotonic` is one clock for all processes of a machine.
    """
    client = redis.Redis.from_url(URL)
    client.ping()
    for done in range(calls):
        time.sleep(0.03)
        task.progress(done, calls, f"{time.monotonic()!r}")
        time.sleep(0.03)
        client.publish(BARE_CHANNEL, f"{time.monotonic()!r}")
    client.close()


@tasks.task(queue="endless")
async def wait_for_ever() -> None:
    """Wait until it is canceled."""
    await asyncio.Event().wait()
