"""A backend for Django's tasks framework: its tasks become runs, which can be watched, listed and canceled like any other.

``TASKS = {"default": {"BACKEND": "strawberry_tasks.django.tasks.DramatiqBackend"}}``
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.core import checks
from django.dispatch import Signal
from django.utils import timezone
from django.utils.module_loading import import_string
from strawberry.scalars import JSON

from .. import task as ours
from ..context import TaskContext
from ..errors import ConfigurationError
from ..escapes import OURS
from ..schema.mutations import MutationTask
from ..status import TaskStatus
from ..stores.base import DROPPED, Record
from .decorators import durations, task, task_mutation
from .default import default_tasks
from .framework import (
    AnyTask,
    AnyTaskContext,
    AnyTaskResult,
    BaseTaskBackend,
    Task,
    TaskResultDoesNotExist,
    normalize_json,
    task_enqueued,
    task_finished,
    task_started,
)
from .framework import TaskContext as FrameworkContext
from .framework import TaskResultStatus as Status
from .task_results import arguments_of, result_of, with_values

_exposed: dict[str, str] = {}
"""The paths of the framework's tasks by the names of the mutations that start them."""


class DramatiqBackend(BaseTaskBackend):
    """Runs the framework's tasks through `default_tasks`.

    ``OPTIONS`` are those of `TaskSettings`, such as ``max_retries`` and ``timeout``; durations may be numbers of seconds.
    Unless they say otherwise, a task that raised is not retried.
    """

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self._settings = {"max_retries": 0, **self.options}

    def validate_task(self, task: AnyTask) -> None:
        """Refuse what cannot be run; make known what can, so that this process, if it is a worker, knows its name."""
        super().validate_task(task)
        self._task(task)

    def enqueue(self, task: AnyTask, args: Iterable[Any], kwargs: Mapping[str, Any]) -> Any:
        """Start a run, and return its `TaskResult`.

        Raises:
            QueueUnavailableError: If the queue cannot be reached. Nothing was started.
        """
        self.validate_task(task)
        chosen = self._task(task).using(queue=task.queue_name, priority=task.priority, eta=task.run_after)
        handle = chosen.enqueue(args=normalize_json(list(args)), kwargs=normalize_json(dict(kwargs)))
        result = result_of(task, handle.started, {"args": args, "kwargs": kwargs}, backend=self.alias)
        task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> AnyTaskResult:
        """Return a run of the framework's, however it was started: also one that waits for a commit, or that only the log has still.

        Raises:
            TaskResultDoesNotExist: If there is none of that id, or it has expired.
            StoreUnavailableError: If the store does not answer, and the log does not know that the run has ended.
        """
        record = default_tasks.runtime().find_record(str(result_id))
        if record is None:
            raise TaskResultDoesNotExist(result_id)
        run, name = record.snapshot, record.snapshot.name
        try:
            task = import_string(_exposed.get(name, name))
        except ImportError as error:
            raise TaskResultDoesNotExist(result_id) from error
        if not isinstance(task, Task):
            raise TaskResultDoesNotExist(result_id)
        task = replace(
            task, backend=self.alias, queue_name=run.queue, priority=run.priority, run_after=run.scheduled_for
        )
        arguments = arguments_of(_arguments(record), generic=name not in _exposed)
        value = default_tasks.runtime().read_result(run.id) if run.status is TaskStatus.COMPLETED else None
        return result_of(task, run, arguments, backend=self.alias, value=value and json.loads(value))

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        """Tell what is wrong with ``OPTIONS``."""
        try:
            default_tasks.options(**durations(self._settings))
        except (ConfigurationError, TypeError) as error:
            return [checks.Error(f"TASKS[{self.alias!r}]['OPTIONS']: {error}", id="strawberry_tasks.E010")]
        return []

    def _task(self, task: AnyTask) -> ours.Task[..., Any]:
        default_tasks.declare_queue(task.queue_name)
        try:
            return default_tasks.find(task.module_path)
        except KeyError:
            return _declared(self, task, self._settings)


def _arguments(record: Record) -> str:
    """Return what a run was started with; the store drops large ones of runs that are COMPLETED, and the log keeps them."""
    log = default_tasks.runtime().log
    if record.arguments != DROPPED or log is None:
        return record.arguments
    logged = log.read(record.snapshot.id)
    return record.arguments if logged is None else logged.arguments


def as_mutation(task: AnyTask, *, name: str | None = None, **settings: Any) -> MutationTask[..., Any]:
    """Let clients start one of the framework's tasks, too.

    One line will do: ``send_report_mutation = as_mutation(send_report)``. The field has the arguments and the type that the function's annotations say.

    Args:
        task: The task.
        name: The field's name; by default the function's in camelCase.
        **settings: As in `Tasks.mutation`; by default what the task's backend says.

    Raises:
        ConfigurationError: If the task's backend is another one.
    """
    backend = task.get_backend()
    if not isinstance(backend, DramatiqBackend):
        raise ConfigurationError(
            f"as_mutation(): expected a task of {DramatiqBackend.__module__}.DramatiqBackend, but {task.module_path} has {backend!r}."
        )
    chosen = {"queue": task.queue_name, "priority": task.priority, **backend._settings, **settings}
    mutation: MutationTask[..., Any] = task_mutation(name=name, **chosen)(_typed(backend, task))
    _exposed[mutation.name] = task.module_path
    return mutation


@dataclass(frozen=True, slots=True)
class Execution:
    """How one of the framework's tasks is executed in a run."""

    backend: DramatiqBackend
    task: AnyTask

    tell: Callable[[Any], Any]
    """Makes the result of what the function returned."""

    def call(self, run: TaskContext, args: Any, kwargs: Any) -> Any:
        """Call the function, and tell the framework's receivers."""
        result, sender = self._begun(run, args, kwargs), type(self.backend)
        task_started.send(sender, task_result=result)
        try:
            value = self.tell(self.task.func(*self._context(result), *args, **kwargs))
        except OURS:
            raise
        except BaseException:
            if not run.snapshot.has_retry:
                task_finished.send(sender, task_result=_failed(result))
            raise
        task_finished.send(sender, task_result=_succeeded(result, value))
        return value

    async def acall(self, run: TaskContext, args: Any, kwargs: Any) -> Any:
        """`call` for a coroutine function."""
        result, sender = self._begun(run, args, kwargs), type(self.backend)
        await _asend(task_started, sender, result)
        try:
            value = self.tell(await self.task.func(*self._context(result), *args, **kwargs))
        except (*OURS, asyncio.CancelledError):
            raise
        except BaseException:
            if not run.snapshot.has_retry:
                await _asend(task_finished, sender, _failed(result))
            raise
        await _asend(task_finished, sender, _succeeded(result, value))
        return value

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return inspect.iscoroutinefunction(self.task.func)

    def _begun(self, run: TaskContext, args: Any, kwargs: Any) -> AnyTaskResult:
        # Those of a mutation are dates, input types and the like, which a result tells as text.
        arguments = json.loads(json.dumps({"args": args, "kwargs": kwargs}, default=str))
        return result_of(self.task, run.snapshot, arguments, backend=self.backend.alias)

    def _context(self, result: AnyTaskResult) -> list[AnyTaskContext]:
        return [FrameworkContext(task_result=result)] if self.task.takes_context else []


def _declared(backend: DramatiqBackend, framework_task: AnyTask, settings: Mapping[str, Any]) -> ours.Task[..., Any]:
    """Make a task that takes whatever the framework takes."""
    execution = Execution(backend, framework_task, tell=normalize_json)

    def call(run: TaskContext, args: JSON, kwargs: JSON) -> JSON:
        return execution.call(run, args, kwargs)  # type: ignore[no-any-return]

    async def acall(run: TaskContext, args: JSON, kwargs: JSON) -> JSON:
        return await execution.acall(run, args, kwargs)  # type: ignore[no-any-return]

    function: Callable[..., Any] = acall if execution.is_async else call
    function.__doc__ = framework_task.func.__doc__
    declared: ours.Task[..., Any] = task(name=framework_task.module_path, queue=framework_task.queue_name, **settings)(
        function
    )
    return declared


def _typed(backend: DramatiqBackend, task: AnyTask) -> Callable[..., Any]:
    """Return the task's function as one of ours: with our context in place of the framework's."""
    execution = Execution(backend, task, tell=lambda value: value)

    @wraps(task.func)
    def call(*, run: TaskContext, **kwargs: Any) -> Any:
        return execution.call(run, [], kwargs)

    @wraps(task.func)
    async def acall(*, run: TaskContext, **kwargs: Any) -> Any:
        return await execution.acall(run, [], kwargs)

    signature = inspect.signature(task.func)
    parameters = list(signature.parameters.values())[1 if task.takes_context else 0 :]
    context = inspect.Parameter("run", inspect.Parameter.KEYWORD_ONLY, annotation=TaskContext)
    function: Any = acall if execution.is_async else call
    function.__signature__ = signature.replace(parameters=[*parameters, context])
    return function  # type: ignore[no-any-return]


async def _asend(signal: Signal, sender: type, result: AnyTaskResult) -> None:
    # Not in the thread that Django shares: whoever runs tasks inline may be waiting in it.
    await sync_to_async(signal.send, thread_sensitive=False)(sender, task_result=result)


def _failed(result: AnyTaskResult) -> AnyTaskResult:
    return with_values(result, status=Status.FAILED, finished_at=timezone.now())


def _succeeded(result: AnyTaskResult, value: Any) -> AnyTaskResult:
    return with_values(result, status=Status.SUCCESSFUL, finished_at=timezone.now(), _return_value=value)
