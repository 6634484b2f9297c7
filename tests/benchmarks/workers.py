"""Worker processes, and a web process, for a benchmark."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent


def configure(url: str, namespace: str) -> None:
    """Say where `tracked` works, in this process and in those that it starts; before importing it."""
    os.environ.update(BENCH_URL=url, BENCH_NAMESPACE=namespace)


@contextlib.contextmanager
def workers(processes: int, *, threads: int, queues: Sequence[str]) -> Iterator[None]:
    """Run Dramatiq's own worker."""
    options = ["--processes", str(processes), "--threads", str(threads), "--queues", *queues]
    with _running([sys.executable, "-m", "dramatiq", "tracked:broker", *options]):
        yield


@contextlib.contextmanager
def web(port: int) -> Iterator[None]:
    """Run uvicorn with the schema."""
    options = ["--port", str(port), "--log-level", "warning", "--ws", "websockets"]
    with _running([sys.executable, "-m", "uvicorn", "tracked_web:app", *options]):
        yield


@contextlib.contextmanager
def peer_workers(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[int]:
    """Run the workers of a `peers.Peer`, and give the id of the process that started them."""
    # Celery and stock Dramatiq tell on stderr how they start.
    process = subprocess.Popen(
        command, cwd=HERE, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process's children and their children so far; 0 where there is no ``/proc``."""
    children: dict[int, list[tuple[int, float]]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name before, in parentheses, may hold anything.
            fields = stat.read_text().rsplit(")", 1)[1].split()
            ticks = int(fields[11]) + int(fields[12])
            children.setdefault(int(fields[1]), []).append((int(stat.parent.name), ticks / os.sysconf("SC_CLK_TCK")))
    seconds, parents = 0.0, [pid]
    while parents:
        for child, own in children.get(parents.pop(), []):
            seconds += own
            parents.append(child)
    return seconds


@contextlib.contextmanager
def _running(command: Sequence[str]) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        said = "" if process.poll() is None else str(process.communicate()[1])
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
        if said:
            print(said, file=sys.stderr)
