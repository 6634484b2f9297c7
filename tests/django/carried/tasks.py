"""The scenarios as tasks of a Django project; the app finds them."""

from __future__ import annotations

from datetime import timedelta

from strawberry_tasks import TaskContext
from strawberry_tasks.django import default_tasks, task_mutation
from tests.apps.scenarios import Scenarios, flaky

scenarios = Scenarios(default_tasks)


@task_mutation(max_retries=1, retry_delay=timedelta(seconds=4))
def flaky_later(task: TaskContext, failures: int) -> int:
    """Do what `flaky` does, with a wait that is too long for a worker to sit out."""
    return flaky(task, failures)
