"""The project's tasks; the app finds them."""

import datetime
import os
from pathlib import Path

import strawberry
from strawberry_django.permissions import HasPerm, IsAuthenticated

from strawberry_tasks import TaskContext, TaskError
from strawberry_tasks.django import task, task_mutation

try:
    from django.tasks import task as framework_task
except ImportError:
    from django_tasks import task as framework_task


@task_mutation()
def add(task: TaskContext, left: int, right: int) -> int:
    """Add two numbers."""
    task.progress(1, total=1, message="Added up")
    return left + right


@task(max_retries=0)
def fail(reason: str) -> None:
    """Fail."""
    raise TaskError(reason, code="ON_PURPOSE")


@framework_task
def echo(*args, **kwargs):
    """Return what it got."""
    return [args, kwargs]


@framework_task
async def aecho(word):
    """Return what it got, asynchronously."""
    return word


@framework_task(takes_context=True)
def describe(context, *, since: datetime.date, words: list[str] | None = None) -> str:
    """Tell of the attempt."""
    return f"{context.task_result.id} {context.attempt} {since} {words}"


@framework_task
def divide(left, right):
    """Divide, or fail."""
    return left / right


class OddError(Exception):
    """An exception of the project's own."""


@framework_task
def be_odd():
    """Fail in a way of its own."""
    raise OddError("It is\nodd: really")


@framework_task(backend="patient", takes_context=True)
def succeed_at_second(context):
    """Fail once."""
    if context.attempt < 2:
        raise OddError("Once more.")
    return context.attempt


@task(max_retries=0)
def crash() -> None:
    """Fail with internals."""
    raise ZeroDivisionError("secret")


@task_mutation(extensions=[IsAuthenticated()])
def for_users() -> str:
    """Be for those who are signed in."""
    return "done"


@task_mutation(extensions=[HasPerm("strawberry_tasks.control_taskexecution")])
def for_controllers() -> str:
    """Be for those with a permission."""
    return "done"


@task_mutation()
def whoami(info) -> str:  # type: ignore[no-untyped-def]
    """Return who started the run, as the worker finds out."""
    return f"{info.context.user}"


@task_mutation()
async def whoami_async(info) -> str:  # type: ignore[no-untyped-def]
    """Do the same on an event loop."""
    return f"{info.context.user}"


@strawberry.type
class Account:
    """Something of which not all is shown."""

    name: str
    secret: strawberry.Private[str]


@task()
def open_account(name: str) -> Account:
    """Return something of which not all is shown."""
    return Account(name=name, secret="sesame")


@task(max_retries=3)
def note(word: str) -> None:
    """Write a word to the journal, so that a test can count how often the task has run."""
    with Path(os.environ["TEST_JOURNAL"]).open("a") as journal:
        journal.write(f"{word}\n")
