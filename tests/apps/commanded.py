"""The tasks that the tests of the command line start workers for."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from strawberry_tasks import TaskContext, TaskError
from tests.apps.scenarios import until_open
from tests.apps.settings import Settings

tasks = Settings.from_environment().make_tasks()


@tasks.task()
def add(left: int, right: int = 1) -> int:
    """Add two numbers."""
    return left + right


@tasks.task()
def greet(name: str, loud: bool = False) -> str:
    """Make a greeting."""
    return name.upper() if loud else name


@tasks.task(max_retries=0)
def fail() -> None:
    """Fail in words that are meant for everybody."""
    raise TaskError("The shelf is empty.", code="SHELF_EMPTY")


@tasks.task(max_retries=0)
def wait(task: TaskContext, gate: str) -> int:
    """Report half of the work, and the process, and go on when the gate opens."""
    task.progress(1, 2, str(os.getpid()))
    for _ in until_open(gate):
        task.check_canceled()
        time.sleep(0.01)
    return os.getpid()


@tasks.task()
async def tell_concurrency() -> int:
    """Return how many async runs this process has in flight at the most."""
    return tasks.config.async_concurrency


@tasks.task(queue="bulk")
def work(seconds: float) -> None:
    """Take so long."""
    threading.Event().wait(seconds)


@tasks.task(queue="urgent")
def note(path: str) -> None:
    """Leave one more line, with the time, in a file."""
    with Path(path).open("a") as notes:
        notes.write(f"{time.time()}\n")
