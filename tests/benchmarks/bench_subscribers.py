"""A thousand subscribers in one process, on a hundred running tasks: how long until all have what was published.

In each round every run changes once, and each of its ten subscribers gets the state. At the end every run ends, and every
subscriber's stream with it. Beside the times: the CPU time of the subscribers' process per delivered state, the memory that a
subscriber takes, and the connections to Redis.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import redis
from report import percentile, show
from server import fresh_namespace, redis_url

from strawberry_tasks.hub import Hub
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import Change, NewRun
from strawberry_tasks.stores.redis import RedisStore

RUNS = 100
SUBSCRIBERS = 1000
ROUNDS = 50


class _Audience:
    """All subscribers, and what they have received so far."""

    def __init__(self, hub: Hub, run_ids: list[str]) -> None:
        self.ended = 0
        self._hub = hub
        self._delivered: Counter[int] = Counter()
        self._complete = asyncio.Condition()
        watched = [run_ids[number % RUNS] for number in range(SUBSCRIBERS)]
        self._tasks = [asyncio.create_task(self._watch(run_id)) for run_id in watched]

    async def until_all_have(self, version: int) -> None:
        """Wait until each subscriber has had this version."""
        async with self._complete:
            await self._complete.wait_for(lambda: self._delivered[version] == SUBSCRIBERS)

    async def until_all_have_left(self) -> None:
        """Wait until each stream has come to its end."""
        await asyncio.gather(*self._tasks)

    async def _watch(self, run_id: str) -> None:
        async for state in self._hub.watch_run(run_id):
            self._delivered[state.version] += 1
            self.ended += state.is_terminal
            if self._delivered[state.version] == SUBSCRIBERS:
                async with self._complete:
                    self._complete.notify_all()


def main() -> None:
    """Measure and print."""
    with redis_url() as url, fresh_namespace(url) as namespace:
        asyncio.run(_measure(url, namespace))


async def _measure(url: str, namespace: str) -> None:
    store = RedisStore(url, namespace=namespace, result_ttl=timedelta(minutes=5))
    run_ids = [_running(store, f"run-{number}") for number in range(RUNS)]
    gc.collect()
    memory = _resident_kib()
    hub = Hub(store.feed)
    begin = time.perf_counter()
    audience = _Audience(hub, run_ids)
    await audience.until_all_have(2)
    attached = time.perf_counter() - begin
    memory = _resident_kib() - memory

    times = []
    cpu = time.process_time()
    for number in range(ROUNDS):
        begin = time.perf_counter()
        await asyncio.to_thread(store.apply, [_change(run_id, {"progress": float(number)}) for run_id in run_ids])
        await audience.until_all_have(3 + number)
        times.append(1000 * (time.perf_counter() - begin))
    cpu = time.process_time() - cpu
    links = _connections(url, namespace)

    await asyncio.to_thread(store.apply, [_change(run_id, {"status": TaskStatus.COMPLETED}) for run_id in run_ids])
    await audience.until_all_have_left()
    hub.close()
    store.close()
    rows: list[list[object]] = [
        ["from the first subscription to the last present state, ms", 1000 * attached],
        ["from publishing 100 changes to 1,000 deliveries, p50 ms", percentile(times, 50)],
        ["… p99 ms", percentile(times, 99)],
        ["CPU per delivery, publisher included, µs", 1e6 * cpu / (ROUNDS * SUBSCRIBERS)],
        ["memory per subscriber, KiB", memory / SUBSCRIBERS],
        ["connections that subscribe", links["feed"]],
        ["connections that read", links["reader"]],
        ["subscribers that got the terminal state", audience.ended],
    ]
    show(f"{SUBSCRIBERS} subscribers on {RUNS} runs, {ROUNDS} rounds", ["", ""], rows)


def _running(store: RedisStore, run_id: str) -> str:
    store.create(NewRun(id=run_id, name="bench", queue="default", arguments="{}"))
    store.claim(run_id)
    return run_id


def _change(run_id: str, values: dict[str, object]) -> Change:
    return Change(run_id=run_id, attempt=1, values=values)


def _connections(url: str, namespace: str) -> Counter[str]:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        names = [str(link["name"]) for link in client.client_list()]
    return Counter(name.removeprefix(f"{namespace}:") for name in names if name.startswith(f"{namespace}:"))


def _resident_kib() -> int:
    """Return how much memory this process has now, by Linux's account."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


if __name__ == "__main__":
    main()
