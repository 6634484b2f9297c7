"""One task, and one run of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from strawberry_tasks import Snapshot, Tasks
from strawberry_tasks.task import Task
from strawberry_tasks.testing import inline


def end_of(tasks: Tasks, task: Task[..., Any], *args: object) -> Snapshot:
    """Perform a run inline, and return how it ended."""
    with inline(tasks):
        return task.enqueue(*args).refresh()


def declare(function: Callable[..., Any], **options: Any) -> tuple[Tasks, Task[..., Any]]:
    """Declare a task named `work` that has no retries unless said otherwise."""
    tasks = Tasks("memory://", max_retries=0)
    return tasks, tasks.task(name="work", **options)(function)
