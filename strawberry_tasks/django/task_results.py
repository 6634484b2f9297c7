"""A run, as Django's tasks framework tells of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..snapshot import JSON, Failure, Snapshot
from ..status import TaskStatus
from ..stores.base import DROPPED
from .framework import AnyTask, AnyTaskResult, TaskError, TaskResult, TaskResultStatus

STATUSES = {
    TaskStatus.PENDING: TaskResultStatus.READY,
    TaskStatus.RUNNING: TaskResultStatus.RUNNING,
    TaskStatus.RETRYING: TaskResultStatus.READY,
    TaskStatus.COMPLETED: TaskResultStatus.SUCCESSFUL,
    TaskStatus.FAILED: TaskResultStatus.FAILED,
    TaskStatus.CANCELED: TaskResultStatus.FAILED,
}
"""The framework knows no cancel: a run that was canceled has failed."""


def result_of(
    task: AnyTask, run: Snapshot, arguments: Mapping[str, Any], *, backend: str, value: JSON = None
) -> AnyTaskResult:
    """Return the framework's view of a run.

    A run does not note which workers had it: ``worker_ids`` has a made-up name for each attempt, so that ``attempts`` is right.
    For the same reason ``started_at`` is when the last attempt started.

    Args:
        task: The framework's task.
        run: The run.
        arguments: Its ``args`` and ``kwargs``.
        backend: The backend's alias.
        value: What the run has returned.
    """
    result = TaskResult(
        task=task,
        id=run.id,
        status=STATUSES[run.status],
        enqueued_at=run.created_at,
        started_at=run.started_at,
        last_attempted_at=run.started_at,
        finished_at=run.completed_at,
        args=list(arguments["args"]),
        kwargs=dict(arguments["kwargs"]),
        backend=backend,
        errors=[] if run.failure is None else [_error(run.failure)],
        worker_ids=[f"attempt-{number}" for number in range(1, run.attempt + 1)],
    )
    return with_values(result, _return_value=value)


def with_values(result: AnyTaskResult, **values: object) -> AnyTaskResult:
    """Change a result in place; it is frozen for everybody but its backend."""
    for name, value in values.items():
        object.__setattr__(result, name, value)
    return result


def arguments_of(encoded: str, *, generic: bool) -> Mapping[str, Any]:
    """Return the ``args`` and ``kwargs`` of a run.

    Args:
        encoded: Its arguments, as the store has them.
        generic: Whether it was enqueued by the framework; else the arguments have names of their own. What the store has dropped is empty.
    """
    values: dict[str, Any] = json.loads(encoded)
    if generic and encoded != DROPPED:
        return values
    return {"args": [], "kwargs": values}


def _error(failure: Failure) -> TaskError:
    # Without a class, as when a worker was lost, nothing was raised.
    name = failure.exception or "RuntimeError"
    text = failure.traceback or f"{failure.code}: {failure.message}"
    return TaskError(exception_class_path=_class_path(name, text), traceback=text)


def _class_path(name: str, text: str) -> str:
    """Find the class's path in a traceback, whose last part names it in full unless it is a builtin."""
    found = re.findall(rf"^((?:\w+\.)+)(?:<locals>\.)?{re.escape(name)}(?=:|$)", text, re.MULTILINE)
    return f"{found[-1]}{name}" if found else f"builtins.{name}"
