"""A thousand subscribers on one run, with Python's usual garbage collector and with other thresholds: how late the event loop is.

Beside 300,000 objects, as an application has them, the run changes again and again, and each subscriber's selection is executed.
Each way is measured in a process of its own, in turns; what is shown are medians.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import time
from contextlib import aclosing
from typing import Any

import strawberry
from report import percentile, show

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.stores.base import Change
from strawberry_tasks.testing import recorded, subscribe

SUBSCRIBERS = 1000
ROUNDS = 15
TURNS = 3
WATCH = (
    "subscription ($id: ID!) { taskProgress(taskId: $id) { id status progress progressMessage version isTerminal } }"
)
WAYS = {"usual": "as Python has it", "threshold": "gc.set_threshold(50_000, 20, 1000)", "freeze": "gc.freeze()"}


@strawberry.type
class Query:
    """Nothing."""

    @strawberry.field
    def nothing(self) -> None:
        """Return nothing."""


def main() -> None:
    """Measure and print."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(TURNS):
        for way in WAYS:
            answer = subprocess.run([sys.executable, __file__, way], check=True, capture_output=True, text=True).stdout
            found[way].append(json.loads(answer))
    rows: list[list[object]] = []
    for way, name in WAYS.items():
        p99, cpu = (_median(found[way], figure) for figure in ("p99", "cpu"))
        usual = _median(found["usual"], "p99"), _median(found["usual"], "cpu")
        rows.append([name, p99, p99 / usual[0], cpu, cpu / usual[1]])
    columns = ["", "event loop late, p99 ms", "of the usual", "CPU per event, µs", "of the usual"]
    show(f"{SUBSCRIBERS} subscribers on one run", columns, rows)


def _median(ones: list[dict[str, float]], figure: str) -> float:
    return statistics.median(one[figure] for one in ones)


async def _measure(way: str) -> None:
    ballast = [{"number": [number]} for number in range(150_000)]
    if way == "threshold":
        gc.set_threshold(50_000, 20, 1000)
    tasks = Tasks("memory://", max_subscriptions=SUBSCRIBERS)
    tasks.mutation(name="work")(lambda: None)
    schema = Schema(query=Query, extensions=[tasks.extension])
    with recorded(tasks):
        handle = tasks.find("work").enqueue()
        store = tasks.runtime().store
        store.claim(handle.id)
        seen: list[int] = []
        watchers = [asyncio.create_task(_watch(schema, handle.id, seen)) for _ in range(SUBSCRIBERS)]
        await _until(seen, SUBSCRIBERS)
        if way == "freeze":
            gc.freeze()
        late: list[float] = []
        clock = asyncio.create_task(_note_lateness(late))
        cpu = time.process_time()
        for number in range(ROUNDS):
            store.apply([Change(run_id=handle.id, attempt=1, values={"progress": float(number)})])
            await _until(seen, SUBSCRIBERS * (2 + number))
        cpu = time.process_time() - cpu
        for task in (clock, *watchers):
            task.cancel()
        await asyncio.gather(clock, *watchers, return_exceptions=True)
    assert ballast
    sys.stdout.write(json.dumps({"p99": percentile(late, 99), "cpu": 1e6 * cpu / (ROUNDS * SUBSCRIBERS)}))


async def _watch(schema: Any, run_id: str, seen: list[int]) -> None:
    async with aclosing(subscribe(schema, WATCH, {"id": run_id}, {"user": None})) as events:
        async for event in events:
            seen.append(event["taskProgress"]["version"])  # noqa: PERF401 - others look meanwhile


async def _until(seen: list[int], count: int) -> None:
    while len(seen) < count:  # noqa: ASYNC110 - what is measured is not to signal
        await asyncio.sleep(0.005)


async def _note_lateness(late: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.002)
        late.append(1000 * (time.perf_counter() - began - 0.002))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(_measure(sys.argv[1]))
    else:
        main()
