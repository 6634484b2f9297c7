"""How many tasks that do nothing are enqueued and performed a second: ours, and bare messages over our transport and stock Dramatiq.

Run it as ``python tests/benchmarks/bench_throughput.py [messages] [rounds]``. Beside the rate stands the CPU time of a message, in the
worker processes and in Redis, which other work on the machine disturbs less.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import redis
from peers import PEERS, Peer, environment
from report import in_turns, ratio, show
from server import fresh_namespace, redis_url
from workers import cpu_seconds, peer_workers

MESSAGES, ROUNDS = 8000, 5
PROCESSES, THREADS = 2, 8
LABELS = {
    "stock": "RedisBroker, untracked",
    "untracked": "our transport, untracked",
    "tracked": "Tasks, tracked",
}


class _Cost(NamedTuple):
    """CPU time of one message, in µs."""

    workers: float
    server: float


def main() -> None:
    """Measure and print."""
    count, rounds = (int(word) for word in [*sys.argv[1:], *map(str, (MESSAGES, ROUNDS)[len(sys.argv) - 1 :])])
    with redis_url() as url:
        _show_enqueued(url, count // 8, rounds, "one by one", _one_by_one)
        _show_enqueued(url, count, rounds, "many at once", lambda peer, count: peer.no_ops and peer.no_ops(count))
        _show_performed(url, count, rounds)


def _one_by_one(peer: Peer, count: int) -> None:
    for _ in range(count):
        peer.no_op()


def _show_enqueued(url: str, count: int, rounds: int, how: str, enqueue: Callable[[Peer, int], object]) -> None:
    def measure(name: str) -> float:
        with fresh_namespace(url) as namespace:
            peer = PEERS[name](url, namespace)
            enqueue(peer, 1)
            begin = time.perf_counter()
            enqueue(peer, count)
            return count / (time.perf_counter() - begin)

    names = LABELS if how == "one by one" else [name for name in LABELS if name != "stock"]
    figures = in_turns(rounds, {name: lambda name=name: measure(name) for name in names})
    base = next(iter(figures))
    rows = [[LABELS[name], statistics.median(all_), ratio(figures, name, base)] for name, all_ in figures.items()]
    show(f"Enqueued {how}, per second, {rounds} runs of {count}", ["", "median", "ratio"], rows)


def _show_performed(url: str, count: int, rounds: int) -> None:
    costs: dict[str, list[_Cost]] = {name: [] for name in LABELS}

    def measure(name: str) -> float:
        with fresh_namespace(url) as namespace, redis.Redis.from_url(url) as client:
            peer = PEERS[name](url, namespace)
            if peer.no_ops:
                peer.no_ops(count)
            else:
                _one_by_one(peer, count)
            options = ["--processes", str(PROCESSES), "--threads", str(THREADS)]
            with peer_workers([*peer.command, *options], environment(name, url, namespace)) as pid:
                rate, cost = _performed(peer, count, lambda: (cpu_seconds(pid), _server_seconds(client)))
            costs[name].append(cost)
            return rate

    figures = in_turns(rounds, {name: lambda name=name: measure(name) for name in LABELS})
    rows = []
    for name, rates in figures.items():
        workers, server = (statistics.median(each) for each in zip(*costs[name][1:], strict=True))
        rows.append(
            [
                LABELS[name],
                statistics.median(rates),
                ratio(figures, name, "stock"),
                min(rates),
                max(rates),
                workers,
                server,
            ]
        )
    show(
        f"Performed, per second, {PROCESSES} worker processes × {THREADS} threads, {rounds} runs of {count}",
        ["", "median", "ratio", "least", "most", "CPU of workers, µs", "of Redis, µs"],
        rows,
    )


def _performed(peer: Peer, count: int, used: Callable[[], tuple[float, float]]) -> tuple[float, _Cost]:
    """Return rate and cost between a tenth and nine tenths of the work, which leaves out the workers' start and end."""
    _wait_until(lambda: peer.count() < 0.9 * count)
    first, before, begin = peer.count(), used(), time.perf_counter()
    _wait_until(lambda: peer.count() < 0.1 * count)
    seconds, after, done = time.perf_counter() - begin, used(), first - peer.count()
    cost = _Cost(*(1e6 * (late - early) / done for early, late in zip(before, after, strict=True)))
    return done / seconds, cost


def _server_seconds(client: redis.Redis) -> float:
    used = client.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])  # type: ignore[index]


def _wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("The workers do not get on.")
        time.sleep(0.005)


if __name__ == "__main__":
    main()
