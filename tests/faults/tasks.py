"""The tasks that faults strike: they keep a journal, and stand still until they are told to go on."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from strawberry_tasks import TaskContext, TaskError, Tasks
from tests.apps.settings import Settings
from tests.faults.journal import Journal

GATE_SECONDS = 90
"""How long a task waits at a gate before it gives up, so that no test leaves one behind."""


class FaultTasks:
    """The tasks, declared.

    Attributes:
        tasks: Where they are declared.
    """

    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks
        self.work = tasks.mutation()(work)
        self.walk = tasks.mutation()(walk)
        self.weigh = tasks.mutation()(weigh)


def make_tasks(settings: Settings) -> FaultTasks:
    """Make the tasks with short waits, for a process that is to meet faults."""
    options: dict[str, Any] = {
        "max_retries": 5,
        "retry_delay": timedelta(milliseconds=50),
        "progress_interval": timedelta(milliseconds=20),
    }
    return FaultTasks(
        Settings(
            url=settings.url,
            namespace=settings.namespace,
            uploads=settings.uploads,
            broker=settings.broker,
            lease=settings.lease,
            options=options,
        ).make_tasks()
    )


def work(
    task: TaskContext,
    journal: str,
    *,
    gate: str = "",
    reports: int = 0,
    until: str = "",
    failures: int = 0,
    pause: int = 0,
    later: str = "",
) -> int:
    """Wait for a gate, report so many steps, wait for another one, then return the attempt's number.

    Args:
        task: The run.
        journal: Where each execution is noted.
        gate: The first gate, a file's path.
        reports: How many steps are reported after it.
        until: The last gate.
        failures: How many attempts fail instead of returning.
        pause: With which wait until the next attempt, in milliseconds.
        later: A gate behind the first one, for all attempts but the first one.
    """
    notes = Journal(journal)
    notes.write(task.id, task.attempt, "begun")
    _pass(gate)
    _pass(later if task.attempt > 1 else "")
    for step in range(1, reports + 1):
        task.progress(step, reports)
        time.sleep(0.005)
    if reports:
        notes.write(task.id, task.attempt, "reported")
    _pass(until)
    notes.write(task.id, task.attempt, "ending")
    if task.attempt <= failures:
        raise TaskError("Not yet.", retry_after=timedelta(milliseconds=pause))
    return task.attempt


def walk(task: TaskContext, directory: str, steps: int) -> int:
    """Report one step after the other, each when its gate is open: the file of its number."""
    for step in range(1, steps + 1):
        _pass(str(Path(directory, str(step))))
        task.progress(step, steps)
    _pass(str(Path(directory, "end")))
    return steps


def weigh(task: TaskContext, load: str, *, gate: str = "", answer: int = 0) -> str:
    """Report progress, wait for a gate, and return a text of so many characters, none of which repeats soon."""
    task.progress(1, 2, message=f"{len(load)} characters")
    _pass(gate, task.check_canceled)
    task.progress(2, 2)
    return secrets.token_hex(answer // 2)


def _pass(gate: str, check: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + GATE_SECONDS
    while gate and not Path(gate).exists():
        check()
        if time.monotonic() > deadline:
            raise TimeoutError("the gate stayed closed")
        time.sleep(0.01)
