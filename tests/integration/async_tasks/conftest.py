"""Worker processes that perform many async tasks at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from strawberry_tasks import Handle, Snapshot
from tests.apps.crowd import Crowd
from tests.apps.scenarios import Gate
from tests.apps.settings import Settings
from tests.patience import PATIENCE
from tests.processes import wait_until
from tests.programs import Worker

LEASE = timedelta(seconds=2)


class StartWorker(Protocol):
    """Starts a worker process."""

    def __call__(
        self, *, concurrency: int = 1000, shutdown: timedelta = timedelta(seconds=10), settings: Settings = ...
    ) -> Worker:
        """Start one with two threads.

        Args:
            settings: Where everything is, if elsewhere.
            concurrency: How many async tasks it may have in flight.
            shutdown: How long it may take to shut down.
        """


def ended(handle: Handle[Any]) -> Snapshot:
    """Wait until a run has ended, and return how."""
    wait_until(lambda: handle.refresh().is_terminal, f"{handle} ends", PATIENCE.total_seconds())
    return handle.refresh()


@pytest.fixture
def settings(redis_url: str, namespace: str, tmp_path: Path) -> Settings:
    """Where everything is."""
    return Settings(url=redis_url, namespace=namespace, uploads=tmp_path / "uploads", lease=LEASE)


@pytest.fixture
def crowd(settings: Settings) -> Iterator[Crowd]:
    """The tasks, to start runs of them."""
    tasks = settings.make_tasks()
    yield Crowd(tasks)
    tasks.close()


@pytest.fixture
def start_worker(settings: Settings, tmp_path: Path) -> Iterator[StartWorker]:
    """Start worker processes."""
    with ExitStack() as stack:
        number = iter(range(100))

        def start(
            *,
            concurrency: int = 1000,
            shutdown: timedelta = timedelta(seconds=10),
            settings: Settings = settings,
        ) -> Worker:
            environment = {**settings.environment, "TEST_TASKS_CONCURRENCY": str(concurrency)}
            options = ["--worker-shutdown-timeout", str(shutdown // timedelta(milliseconds=1))]
            log = tmp_path / f"worker-{next(number)}.log"
            worker = Worker("tests.apps.crowd_worker", environment=environment, log=log, threads=2, options=options)
            return stack.enter_context(worker)

        yield start


@pytest.fixture
def make_gate(tmp_path: Path) -> Iterator[Callable[[], Gate]]:
    """Make what tasks wait for; opened in the end, so that none stays behind."""
    gates: list[Gate] = []

    def make() -> Gate:
        gates.append(Gate(str(tmp_path / f"gate-{len(gates)}")))
        return gates[-1]

    yield make
    for gate in gates:
        gate.open()


@pytest.fixture
def gate(make_gate: Callable[[], Gate]) -> Gate:
    """One of them."""
    return make_gate()
