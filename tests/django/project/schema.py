"""The project's schema; the tasks bring their fields, and the table of runs is there, too."""

import strawberry
import strawberry_django
from strawberry_django.relay import DjangoListConnection

from strawberry_tasks import Schema
from strawberry_tasks.django import default_tasks
from strawberry_tasks.django.types import TaskExecution


@strawberry.type
class Query:
    """What is read through strawberry_django."""

    task_execution: TaskExecution | None = strawberry_django.field()
    task_executions: DjangoListConnection[TaskExecution] = strawberry_django.connection()


schema = Schema(Query, extensions=[default_tasks.extension])
