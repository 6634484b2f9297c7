"""Measures the Redis transport beside Dramatiq's own broker: idle latency, throughput, and how fast it takes messages.

Run it as ``python tests/benchmarks/bench_transport.py [messages]``; it starts a server of its own unless REDIS_URL names one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from strawberry_tasks import Tasks  # noqa: E402
from strawberry_tasks.backends.redis_transport import RedisTransport  # noqa: E402
from strawberry_tasks.contrib.embedded import EmbeddedServer  # noqa: E402

QUEUE = "bench"
PROCESSES, THREADS = 2, 8
PINGS = 100


class Bench:
    """One kind of broker in a namespace of its own."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind, self.url = kind, url
        self.namespace = f"bench-{secrets.token_hex(4)}"
        self.client = redis.Redis.from_url(url)
        if kind == "stock":
            self.broker: dramatiq.Broker = RedisBroker(url=url, namespace=self.namespace)
        elif kind == "ours":
            self.broker = RedisTransport(url, namespace=self.namespace)
        else:
            self.tasks = Tasks(url, namespace=self.namespace)
            self.tracked = self.tasks.task(queue=QUEUE, name="tracked")(_noop)
            self.broker = self.tasks.broker
        self.broker.declare_queue(QUEUE)

    def message(self, actor: str, *args: object) -> dramatiq.Message[None]:
        """Make a message of one of the worker's actors."""
        return dramatiq.Message(queue_name=QUEUE, actor_name=actor, args=args, kwargs={}, options={})

    def waiting(self) -> int:
        """Count the messages that are not done with."""
        hash_name = f"{QUEUE}.msgs" if self.kind == "stock" else f"queue:{QUEUE}:messages"
        return int(self.client.hlen(f"{self.namespace}:{hash_name}"))  # type: ignore[arg-type]

    @contextlib.contextmanager
    def workers(self, processes: int) -> Iterator[None]:
        """Run Dramatiq's command line."""
        command = [sys.executable, "-m", "dramatiq", "tests.benchmarks.transport_worker:broker"]
        command += ["--processes", str(processes), "--threads", str(THREADS)]
        named = {"BENCH_KIND": self.kind, "BENCH_URL": self.url, "BENCH_NAMESPACE": self.namespace}
        environment = {**os.environ, **named, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    def close(self) -> None:
        """Remove what is left."""
        self.broker.close()
        for pattern in (f"{self.namespace}:*", f"{self.namespace}-*"):
            if keys := list(self.client.scan_iter(pattern, count=1000)):
                self.client.unlink(*keys)
        self.client.close()


def _noop() -> None:
    """Do nothing."""


def latency(bench: Bench) -> str:
    """Send one message at a time to an idle worker."""
    delays: list[float] = []
    key = f"{bench.namespace}-delays"
    with bench.workers(1):
        for number in range(PINGS + 3):
            bench.broker.enqueue(bench.message("tell_delay", time.time()))
            answer = bench.client.blpop([key], timeout=30)
            assert answer is not None, "the worker does not answer"
            if number >= 3:  # The first ones found the worker starting.
                delays.append(float(answer[1]) * 1000)
            time.sleep(0.2)
    p99 = statistics.quantiles(delays, n=100)[-1]
    return f"idle send → start: p50 {statistics.median(delays):.2f} ms, p99 {p99:.2f} ms, max {max(delays):.2f} ms"


def rate(name: str, count: int, work: Callable[[], object]) -> str:
    """Time something that does so many at once."""
    began = time.perf_counter()
    work()
    return f"{name}: {count / (time.perf_counter() - began):,.0f}/s"


def throughput(bench: Bench, count: int) -> str:
    """Let the workers empty the queue, from the first message that they finish to the last."""
    with bench.workers(PROCESSES):
        while bench.waiting() > count - 200:
            time.sleep(0.002)
        first, began = bench.waiting(), time.perf_counter()
        while bench.waiting() > 0:
            time.sleep(0.002)
        seconds = time.perf_counter() - began
    return f"no-ops with {PROCESSES} processes × {THREADS} threads: {first / seconds:,.0f}/s"


def enqueue_each(bench: Bench, count: int) -> None:
    """Enqueue one by one."""
    for _ in range(count):
        bench.broker.enqueue(bench.message("noop"))


def report(kind: str, url: str, count: int) -> None:
    """Measure one kind."""
    bench = Bench(kind, url)
    try:
        lines = []
        if kind == "tracked":
            calls: list[tuple[()]] = [()] * count
            lines.append(
                rate("start one by one", count // 10, lambda: [bench.tracked.enqueue() for _ in range(count // 10)])
            )
            lines.append(rate("start many at once", count, lambda: bench.tracked.enqueue_many(calls)))
        else:
            lines.append(latency(bench))
            lines.append(rate("enqueue one by one", count // 10, lambda: enqueue_each(bench, count // 10)))
            if isinstance(bench.broker, RedisTransport):
                transport, messages = bench.broker, [bench.message("noop") for _ in range(count)]
                lines.append(rate("enqueue many at once", count, lambda: transport.enqueue_many(messages)))
            else:
                enqueue_each(bench, count)
        lines.append(throughput(bench, bench.waiting()))
        print(f"{kind}:", *lines, sep="\n  ")
    finally:
        bench.close()


def main() -> None:
    """Measure all kinds on one server."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with contextlib.ExitStack() as stack:
        url = os.environ.get("REDIS_URL") or stack.enter_context(EmbeddedServer()).url
        for kind in ("stock", "ours", "tracked"):
            report(kind, url, count)


if __name__ == "__main__":
    main()
