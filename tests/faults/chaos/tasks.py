"""What runs while faults strike at random: tasks that know how they are meant to end."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

from strawberry_tasks import TaskContext, TaskError, Tasks
from tests.apps.settings import Settings
from tests.faults.journal import Journal

MAX_RETRIES = 12
"""More than all faults together can use up of one run."""

THREADS = 8
"""How many runs a worker process performs at a time."""


class ChaosTasks:
    """The tasks, declared.

    Attributes:
        tasks: Where they are declared.
    """

    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks
        self.play = tasks.task()(play)
        self.play_async = tasks.task()(play_async)


def make_tasks(settings: Settings) -> ChaosTasks:
    """Make the tasks of one process."""
    options = {
        "max_retries": MAX_RETRIES,
        "retry_delay": timedelta(milliseconds=100),
        "progress_interval": timedelta(milliseconds=20),
    }
    return ChaosTasks(replace(settings, options=options).make_tasks())


def play(
    task: TaskContext, journal: str, *, steps: int = 0, pace: int = 0, failures: int = 0, hopeless: bool = False
) -> int:
    """Report so many steps, then return the attempt's number.

    Args:
        task: The run.
        journal: Where each execution is noted.
        steps: How many steps are reported.
        pace: How many milliseconds each takes.
        failures: How many attempts fail instead of returning.
        hopeless: Whether the run fails for good.
    """
    Journal(journal).write(task.id, task.attempt, "begun")
    for step in range(1, steps + 1):
        time.sleep(pace / 1000)
        task.progress(step, steps)
    return _end(task, journal, failures, hopeless=hopeless)


async def play_async(
    task: TaskContext, journal: str, *, steps: int = 0, pace: int = 0, failures: int = 0, hopeless: bool = False
) -> int:
    """Do the same on an event loop."""
    Journal(journal).write(task.id, task.attempt, "begun")
    for step in range(1, steps + 1):
        await asyncio.sleep(pace / 1000)
        task.progress(step, steps)
    return _end(task, journal, failures, hopeless=hopeless)


def _end(task: TaskContext, journal: str, failures: int, *, hopeless: bool) -> int:
    Journal(journal).write(task.id, task.attempt, "ending")
    if hopeless:
        raise TaskError("There is no hope.", code="HOPELESS", retry=False)
    if task.attempt <= failures:
        raise RuntimeError("not yet")
    return task.attempt
