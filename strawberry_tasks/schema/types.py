"""The GraphQL types of a run, as clients see it."""

# Without postponed annotations: Strawberry would parse and evaluate each field's, which doubles the time that this takes to import.

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import strawberry
from strawberry.relay import PageInfo
from strawberry.scalars import JSON

from ..snapshot import Snapshot
from ..status import TaskStatus

strawberry.enum(TaskStatus, description="Where a run of a task stands.")


@strawberry.type(description="Why an attempt, or the whole run, failed.")
class TaskFailure:
    """Why an attempt, or the whole run, failed."""

    code: str = strawberry.field(
        description="For programs: TASK_ERROR, TIMED_OUT, WORKER_LOST, EXPIRED, REJECTED, RESULT_TOO_LARGE, or a code that the task declared."
    )
    message: str = strawberry.field(description="One line for a person.")
    exception: str | None = strawberry.field(description="The exception's class, for viewers who may see internals.")
    traceback: str | None = strawberry.field(description="The traceback, for viewers who may see internals.")


class Origin(NamedTuple):
    """Where a handle comes from, which no client sees."""

    type_name: str
    """The GraphQL name of the handle's type."""

    result: Callable[[], Any]
    """Reads the result, and returns it as JSON, or an awaitable of it."""

    output: Callable[[strawberry.Info[Any, Any]], Any]
    """Reads the result, and returns it as the typed output that a field selects, or an awaitable of it."""


@strawberry.interface(description="A run of a task: where it stands, how far it is, and how it ended.")
class TaskHandle:
    """A run of a task, at one version."""

    origin: strawberry.Private[Origin]
    id: strawberry.ID = strawberry.field(description="The run's id.")
    task_id: strawberry.ID = strawberry.field(description="The same as `id`.")
    name: str = strawberry.field(description="The task's name.")
    queue: str = strawberry.field(description="The queue that it waits or waited in.")
    status: TaskStatus = strawberry.field(description="Where it stands.")
    is_terminal: bool = strawberry.field(description="Whether nothing about it will change any more.")
    progress: float = strawberry.field(description="Percent, 0 to 100; never falls within an attempt.")
    progress_current: float | None = strawberry.field(description="Units done, as the task reports them.")
    progress_total: float | None = strawberry.field(description="Units in all, as the task reports them.")
    progress_message: str | None = strawberry.field(description="What it is doing, in the task's own words.")
    error: str | None = strawberry.field(description="Why it failed, for a person; null unless FAILED or RETRYING.")
    failure: TaskFailure | None = strawberry.field(description="Why it failed, for a program.")
    attempt: int = strawberry.field(description="The current or last attempt; 1 is the first, 0 before any.")
    max_retries: int = strawberry.field(description="How many attempts may follow the first.")
    cancel_requested: bool = strawberry.field(description="Whether somebody asked for it to stop.")
    tags: list[str] = strawberry.field(description="Words to find it by.")
    retry_of: strawberry.ID | None = strawberry.field(description="The run that this one repeats.")
    created_at: datetime = strawberry.field(description="When it was started.")
    scheduled_for: datetime | None = strawberry.field(
        description="When it may start, while delayed or between retries."
    )
    started_at: datetime | None = strawberry.field(description="When the current or last attempt started.")
    completed_at: datetime | None = strawberry.field(description="When it ended.")
    expires_at: datetime | None = strawberry.field(description="When its record is dropped.")
    version: int = strawberry.field(description="Rises with every change; the cursor for `after`.")

    @strawberry.field(description="What the task returned, as JSON; null until COMPLETED.")  # type: ignore[untyped-decorator]
    def result(self) -> JSON | None:
        """Return the run's result without what its type hides."""
        result: JSON | None = self.origin.result()
        return result

    @classmethod
    def resolve_type(cls, value: "TaskHandle", *_: object) -> str:
        """Tell which type a handle is shown as, without trying those of all tasks."""
        return value.origin.type_name


@strawberry.type(description="A run of a task that this schema does not know, or does not show.")
class UntypedTaskHandle(TaskHandle):
    """A run whose result is JSON alone."""


@strawberry.type(description="A run in a page of runs.")
class TaskHandleEdge:
    """A run in a page of runs."""

    node: TaskHandle = strawberry.field(description="The run.")
    cursor: str = strawberry.field(description="Where to read on after it.")


@strawberry.type(description="A page of runs, newest first.")
class TaskHandleConnection:
    """A page of runs, newest first."""

    edges: list[TaskHandleEdge] = strawberry.field(description="The runs with their cursors.")
    nodes: list[TaskHandle] = strawberry.field(description="The runs.")
    page_info: PageInfo = strawberry.field(description="Whether, and from where, to read on.")


def handle_values(run: Snapshot, *, internals: bool) -> dict[str, Any]:
    """Return a handle's fields, but what is read only where it is selected.

    Args:
        run: The run's state.
        internals: Whether a failure's exception and traceback are shown.
    """
    failure = run.failure and TaskFailure(
        code=run.failure.code,
        message=run.failure.message,
        exception=run.failure.exception if internals else None,
        traceback=run.failure.traceback if internals else None,
    )
    copied = {name: getattr(run, name) for name in _COPIED}
    retry_of = None if run.retry_of is None else strawberry.ID(run.retry_of)
    run_id = strawberry.ID(run.id)
    return {**copied, "id": run_id, "task_id": run_id, "failure": failure, "retry_of": retry_of, "tags": list(run.tags)}


_COPIED: Sequence[str] = (
    "name",
    "queue",
    "status",
    "is_terminal",
    "progress",
    "progress_current",
    "progress_total",
    "progress_message",
    "error",
    "attempt",
    "max_retries",
    "cancel_requested",
    "created_at",
    "scheduled_for",
    "started_at",
    "completed_at",
    "expires_at",
    "version",
)
