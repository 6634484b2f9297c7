"""Tasks at home in Django: an app, bound to the ``STRAWBERRY_TASKS`` setting."""

from .decorators import periodic_task, task, task_mutation
from .default import default_tasks

__all__ = ["default_tasks", "periodic_task", "task", "task_mutation"]
