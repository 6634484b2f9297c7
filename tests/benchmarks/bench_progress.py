"""What ``task.progress()`` costs: a call that is merged, and a change that is written.

A merged call is measured in the thread of a task whose progress is written meanwhile, beside a call of an empty method. Target:
under 1 µs. A written change is one ``apply`` of the store, beside a ``publish()`` of about as many bytes by redis-py's client.
Target: 1.25 times that at the most. What the machine allows is shown, too: the bytes of a ``PUBLISH``, and of an empty script,
sent over the very connection of the store, with no client around it. A process writes what all its attempts have reported in
one go; what one change of several costs then is shown as well.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import timedelta

import redis
from report import in_turns, ratio, show
from server import fresh_namespace, redis_url

from strawberry_tasks.context import TaskContext
from strawberry_tasks.progress import ProgressFlusher
from strawberry_tasks.snapshot import Snapshot
from strawberry_tasks.stores.base import Change, NewRun
from strawberry_tasks.stores.redis import RedisStore

ROUNDS = 9
MERGED_CALLS = 100_000
WRITES = 1000
BATCH = 20
MESSAGE = "Importing row 4711"


class _Empty:
    """A method that takes what `TaskContext.progress` takes, and does nothing."""

    __slots__ = ()

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        """Do nothing."""


def main() -> None:
    """Measure and print."""
    with redis_url() as url, fresh_namespace(url) as namespace:
        store = RedisStore(url, namespace=namespace, result_ttl=timedelta(minutes=1))
        _show_merged(store)
        _show_written(store, url, namespace)
        store.close()


def _show_merged(store: RedisStore) -> None:
    flusher = ProgressFlusher(store.apply, interval=timedelta(milliseconds=100))
    run = _running(store, "merged")
    task = TaskContext(run, flusher.open(run.id, run.attempt))
    figures = in_turns(ROUNDS, {"an empty method": _per_call(_Empty()), "task.progress()": _per_call(task)})
    flusher.close()
    rows = [[name, 1e9 * statistics.median(values), 1e9 * min(values)] for name, values in figures.items()]
    title = f"A merged call, ns, {ROUNDS} runs of {MERGED_CALLS} calls (target: median below 1000)"
    show(title, ["", "median", "least"], rows)


def _per_call(target: TaskContext | _Empty) -> Callable[[], float]:
    def measure() -> float:
        begin = time.perf_counter()
        for done in range(MERGED_CALLS):
            target.progress(done, MERGED_CALLS, MESSAGE)
        return (time.perf_counter() - begin) / MERGED_CALLS

    return measure


def _show_written(store: RedisStore, url: str, namespace: str) -> None:
    run = _running(store, "written")
    numbers = iter(range(10**9))

    def apply(changes: int) -> None:
        store.apply([_progress(run, next(numbers)) for _ in range(changes)])

    connections = store._connections  # The very same that `apply` uses.
    channel, payload = f"{namespace}:bare", f"{run.id} progress 12.345 4711.0 1000000000.0 {MESSAGE}"

    client = redis.Redis.from_url(url)
    publish, empty = ("PUBLISH", channel, payload), ("EVALSHA", str(client.script_load("return 1")), 0)
    measures = {
        "client.publish()": _median_of(lambda: client.publish(channel, payload)),
        "store.apply()": _median_of(lambda: apply(1)),
        f"… each of {BATCH} at once": _median_of(lambda: apply(BATCH), calls=WRITES // BATCH, share=BATCH),
        "bytes of a PUBLISH": _median_of(lambda: connections.exchange([publish], repeatable=True)),
        "bytes of an empty script": _median_of(lambda: connections.exchange([empty], repeatable=True)),
    }
    figures = in_turns(ROUNDS, measures)
    client.close()
    base = next(iter(figures))
    rows = [[name, 1e6 * statistics.median(values), ratio(figures, name, base)] for name, values in figures.items()]
    title = f"A written change, µs, {ROUNDS} runs of {WRITES} round trips (target: 1.25)"
    show(title, ["", "median", f"ratio to {base}"], rows)


def _median_of(call: Callable[[], object], *, calls: int = WRITES, share: int = 1) -> Callable[[], float]:
    def measure() -> float:
        figures = []
        for _ in range(calls):
            begin = time.perf_counter()
            call()
            figures.append((time.perf_counter() - begin) / share)
        return statistics.median(figures)

    return measure


def _progress(run: Snapshot, current: int) -> Change:
    values = {
        "progress": current / 1e7,
        "progress_current": float(current),
        "progress_total": 1e9,
        "progress_message": MESSAGE,
    }
    return Change(run_id=run.id, attempt=run.attempt, values=values)


def _running(store: RedisStore, run_id: str) -> Snapshot:
    store.create(NewRun(id=run_id, name="bench", queue="default", arguments="{}"))
    claim = store.claim(run_id)
    assert claim is not None
    return claim.snapshot


if __name__ == "__main__":
    main()
