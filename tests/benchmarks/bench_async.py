"""Measures how long one worker process takes for many async tasks that wait a second each.

Run it as ``python tests/benchmarks/bench_async.py [tasks]``; it starts a server of its own unless REDIS_URL names one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from strawberry_tasks import Handle, TaskStatus  # noqa: E402
from strawberry_tasks.contrib.embedded import EmbeddedServer  # noqa: E402

THREADS = 8
SECONDS = 1.0
ROUNDS = 3


@contextlib.contextmanager
def worker() -> Iterator[None]:
    """Run Dramatiq's command line with one process."""
    command = [sys.executable, "-m", "dramatiq", "tests.benchmarks.async_worker:tasks.broker"]
    command += ["--processes", "1", "--threads", str(THREADS)]
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, stderr=log)
        try:
            while b"is ready for action" not in Path(log.name).read_bytes():
                time.sleep(0.02)
            yield
        finally:
            process.terminate()
            process.wait()


def measure(client: redis.Redis, count: int) -> str:
    """Start so many runs at once, and wait for the last of them."""
    from tests.benchmarks.async_worker import tasks, wait  # noqa: PLC0415 - reads the environment

    messages = f"{tasks.config.namespace}:queue:bench:messages"
    began = time.perf_counter()
    handles: list[Handle[None]] = wait.enqueue_many([(SECONDS,)] * count)
    enqueued = time.perf_counter() - began
    while client.hlen(messages):
        time.sleep(0.005)
    seconds = time.perf_counter() - began
    runs = [handle.refresh() for handle in handles]
    assert {run.status for run in runs} == {TaskStatus.COMPLETED}
    began_at, ended_at = [run.started_at for run in runs], [run.completed_at for run in runs]
    spread = max(filter(None, ended_at)) - min(filter(None, began_at))
    return (
        f"{count} tasks of {SECONDS:g} s: enqueued in {enqueued:.2f} s, done {seconds:.2f} s after the first call; "
        f"first start → last end {spread.total_seconds():.2f} s"
    )


def clean(client: redis.Redis, namespace: str) -> None:
    """Remove what is left."""
    if keys := list(client.scan_iter(f"{namespace}:*", count=1000)):
        client.unlink(*keys)


def main() -> None:
    """Measure some rounds with one worker."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with contextlib.ExitStack() as stack:
        url = os.environ.get("REDIS_URL") or stack.enter_context(EmbeddedServer()).url
        namespace = f"bench-{secrets.token_hex(4)}"
        os.environ.update(BENCH_URL=url, BENCH_NAMESPACE=namespace)
        client = stack.enter_context(redis.Redis.from_url(url))
        stack.callback(clean, client, namespace)
        stack.enter_context(worker())
        for _ in range(ROUNDS):
            print(measure(client, count))


if __name__ == "__main__":
    main()
