"""The log of runs as types of strawberry_django, for schemas that look through it by filters, orders and pages of their own."""

# Without postponed annotations, as in all modules of GraphQL types.

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import strawberry
import strawberry_django
from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from strawberry import auto
from strawberry.scalars import JSON
from strawberry.types import Info

from ..schema.types import TaskFailure
from ..status import TaskStatus
from .conf import SETTING, DjangoSettings
from .default import default_tasks
from .models import TaskExecution as Row
from .policy import DjangoPolicy

if TYPE_CHECKING:
    _Rows = QuerySet[Row]
else:  # It is generic for type checkers alone.
    _Rows = QuerySet


@strawberry_django.filter_type(Row, name="TaskExecutionFilter", lookups=True)
class TaskExecutionFilter:
    """What the log is searched by."""

    id: auto
    name: auto
    queue: auto
    status: TaskStatus | None
    owner: auto
    key: auto
    retry_of: auto
    failure_code: auto
    attempt: auto
    created_at: auto
    started_at: auto
    completed_at: auto


@strawberry_django.order_type(Row, name="TaskExecutionOrder")
class TaskExecutionOrder:
    """What the log is ordered by."""

    name: auto
    queue: auto
    status: auto
    attempt: auto
    priority: auto
    created_at: auto
    started_at: auto
    completed_at: auto


@strawberry_django.type(
    Row,
    name="TaskExecution",
    description="A run of a task as the database has it, which is as of its last transition; `task` has its present progress.",
    filters=TaskExecutionFilter,
    ordering=TaskExecutionOrder,
    pagination=True,
)
class TaskExecution:
    """A row of the log, for whom the policy lets list it."""

    id: strawberry.ID
    task_id: strawberry.ID = strawberry_django.field(field_name="id", description="The same as `id`.")
    name: auto
    queue: auto
    status: TaskStatus
    progress: auto
    progress_current: auto
    progress_total: auto
    progress_message: auto
    attempt: auto
    max_retries: auto
    cancel_requested: auto
    owner: auto
    key: auto
    priority: auto
    retry_of: strawberry.ID | None
    created_at: datetime
    scheduled_for: auto
    started_at: auto
    completed_at: auto
    expires_at: auto
    version: int

    @strawberry_django.field(only=["status"], description="Whether nothing about it will change any more.")  # type: ignore[untyped-decorator]
    def is_terminal(self: Row) -> bool:
        """Tell whether the run has ended."""
        return self.is_terminal

    @strawberry_django.field(only=["tags"], description="Words to find it by.")  # type: ignore[untyped-decorator]
    def tags(self: Row) -> list[str]:
        """Return the run's tags."""
        return list(self.tags)

    @strawberry_django.field(
        only=["name", "result"], description="What the task returned, as JSON; null until COMPLETED."
    )  # type: ignore[untyped-decorator]
    def result(self: Row, info: Info) -> JSON | None:
        """Return what the schema shows of the result."""
        return cast("JSON", default_tasks.registry.shown_result(self.name, self.result, info.schema))

    @strawberry_django.field(
        only=["failure_code", "failure_message"],
        description="Why it failed, in one line; null unless FAILED or RETRYING.",
    )  # type: ignore[untyped-decorator]
    def error(self: Row) -> str | None:
        """Return the failure's message."""
        return None if self.failure_code is None else self.failure_message

    @strawberry_django.field(
        only=["failure_code", "failure_message"],
        description="Why it failed, for a program. Its exception and traceback are null for all; `task` shows them to those who may see them.",
    )  # type: ignore[untyped-decorator]
    def failure(self: Row) -> TaskFailure | None:
        """Return the failure without its internals."""
        if self.failure_code is None:
            return None
        return TaskFailure(code=self.failure_code, message=self.failure_message, exception=None, traceback=None)

    @classmethod
    def resolve_id_attr(cls) -> str:
        """Name what connections tell runs apart by; the ids are the runs' own, and no global ones of Relay's."""
        return "id"

    @classmethod
    def get_queryset(cls, queryset: _Rows, info: Info, **_: Any) -> _Rows:
        """Keep what the viewer may list."""
        return listed(queryset, info.context)


def listed(rows: _Rows, context: object) -> _Rows:
    """Keep the rows that the viewer of a GraphQL context may list. Called where the ORM may be used.

    Raises:
        ImproperlyConfigured: If the policy tells of runs what it cannot tell of rows.
    """
    policy = default_tasks.registry.policy
    if not isinstance(policy, DjangoPolicy):
        raise ImproperlyConfigured(
            f"{SETTING}['POLICY']: expected a DjangoPolicy, whose listed_rows() is needed here, got {policy!r}."
        )
    kind = type(policy)
    if kind.listed_rows is DjangoPolicy.listed_rows and kind.may_see is not DjangoPolicy.may_see:
        raise ImproperlyConfigured(
            f"{SETTING}['POLICY']: {kind.__name__} overrides may_see(); override listed_rows() as well, which says the same of rows."
        )
    viewer: Any = policy.viewer(context)
    rows = rows.using(DjangoSettings.load().database)
    return policy.listed_rows(viewer, rows) if policy.may_list(viewer) else rows.none()
