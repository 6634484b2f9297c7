"""Worker processes, and a web process, for a benchmark."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
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
