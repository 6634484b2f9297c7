"""Runs in Django's admin: looked at live, canceled, started again; never edited."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import localize
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from ..errors import StrawberryTasksError
from ..status import TaskStatus
from ..task import Task
from .default import default_tasks
from .live import refresh
from .models import TaskExecution
from .schedule_admin import NOTHING, TaskScheduleAdmin

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
    _ModelAdmin = admin.ModelAdmin[TaskExecution]
else:  # They are generic for type checkers alone.
    _Paginator, _ModelAdmin = Paginator, admin.ModelAdmin

__all__ = ["TaskExecutionAdmin", "TaskScheduleAdmin"]

MOST_COUNTED = 10_000
"""Up to how many rows are counted; so many more are as good as endless for who leafs through them."""

NOT_LISTED = ("arguments", "claims", "result", "failure_traceback", "outbox")
"""What may be large, and stands in no list."""

AWAY = "The store does not answer: what you see is the last that the database heard of these runs."


class BoundedPaginator(_Paginator):
    """Counts so many rows and no further."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, `MOST_COUNTED` at the most."""
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


class LiveChangeList(ChangeList):
    """Shows runs that have not ended as the store has them now."""

    def get_results(self, request: HttpRequest) -> None:
        """Bring the page's rows up to date, and tell whose they are."""
        super().get_results(request)
        rows: list[TaskExecution] = list(self.result_list)
        if not refresh(rows):
            messages.warning(request, AWAY)
        names = _names({row.owner for row in rows if row.owner is not None})
        for row in rows:
            row.owner_name = names.get(row.owner or "", row.owner)  # type: ignore[attr-defined]
        self.result_list = rows


class DeclaredFilter(admin.SimpleListFilter):
    """Filters by what the tasks of this project say; their runs may be too many to ask."""

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        """Offer what there is."""
        tasks = default_tasks.registry.tasks.values()
        return [(value, value) for value in sorted({self.value_of(task) for task in tasks})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TaskExecution]) -> QuerySet[TaskExecution]:
        """Keep what matches."""
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset

    def value_of(self, task: Task[..., Any]) -> str:
        """Return what a task says."""
        raise NotImplementedError


class NameFilter(DeclaredFilter):
    """By task."""

    title = "task"
    parameter_name = "name"

    def value_of(self, task: Task[..., Any]) -> str:
        """Return its name."""
        return task.name


class QueueFilter(DeclaredFilter):
    """By queue."""

    title = "queue"
    parameter_name = "queue"

    def value_of(self, task: Task[..., Any]) -> str:
        """Return its queue."""
        return task.options.queue


@admin.register(TaskExecution)
class TaskExecutionAdmin(_ModelAdmin):
    """The runs."""

    list_display = ("name", "state", "bar", "owned_by", "created_at", "took", "queue", "attempt")
    list_filter = ("status", NameFilter, QueueFilter, "created_at")
    search_fields = ("id", "name", "key", "owner", "tags")
    search_help_text = "An id, a task, a key, a tag, or whose runs they are"
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    actions = ("cancel_runs", "retry_runs")
    fieldsets = (
        (None, {"fields": ("id", "name", "state", "bar", "timeline")}),
        ("Failure", {"fields": ("failure", "traceback")}),
        ("Values", {"fields": ("arguments_json", "result_json")}),
        ("Details", {"fields": ("owned_by", "claims", "queue", "priority", "key", "tags", "retry_of", "version")}),
    )

    class Media:
        """Colours, and what keeps the list up to date."""

        css = {"all": ("strawberry_tasks/admin.css",)}  # noqa: RUF012 - as Django spells it
        js = ("strawberry_tasks/admin.js",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Runs are started by tasks."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: TaskExecution | None = None) -> bool:
        """Nobody edits a run."""
        return False

    def has_control_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may cancel and retry runs."""
        return request.user.has_perm("strawberry_tasks.control_taskexecution")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer what the user may do with the run."""
        context = {**(extra_context or {}), "may_control": self.has_control_permission(request)}
        return super().change_view(request, object_id, form_url, context)

    def get_readonly_fields(self, request: HttpRequest, obj: TaskExecution | None = None) -> list[str]:
        """All of it, whatever the permissions."""
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Show the list live."""
        return LiveChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskExecution]:
        """Leave out of lists what is large."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith("_changelist")
        return rows.defer(*NOT_LISTED) if is_list else rows

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> TaskExecution | None:
        """Show one run live, too."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            if not refresh([row]):
                messages.warning(request, AWAY)
            row.owner_name = _names({row.owner} if row.owner else set()).get(row.owner or "", row.owner)  # type: ignore[attr-defined]
        return row

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TaskExecution], search_term: str
    ) -> tuple[QuerySet[TaskExecution], bool]:
        """Find the runs of a user by name, too."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        users = get_user_model()
        named = users._default_manager.filter(**{users.USERNAME_FIELD: search_term.strip()})
        owners = [str(pk) for pk in named.values_list("pk", flat=True)]
        return (found | queryset.filter(owner__in=owners) if owners else found), may_repeat

    def get_deleted_objects(
        self, objs: Iterable[TaskExecution] | QuerySet[TaskExecution], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Protect what has not ended: its row would come back with the next change."""
        deleted, counts, needed, protected = super().get_deleted_objects(objs, request)  # type: ignore[arg-type]
        live = [f"{row} is {row.status}; cancel it first" for row in objs if not row.is_terminal]
        return deleted, dict(counts), needed, [*protected, *live]

    @admin.action(description="Cancel selected runs", permissions=["control"])
    def cancel_runs(self, request: HttpRequest, queryset: QuerySet[TaskExecution]) -> None:
        """Ask each to stop."""
        self._control(request, queryset, default_tasks.runtime().control.cancel, "asked to stop")

    @admin.action(description="Start selected runs again", permissions=["control"])
    def retry_runs(self, request: HttpRequest, queryset: QuerySet[TaskExecution]) -> None:
        """Start a new run for each."""
        self._control(request, queryset, default_tasks.runtime().control.retry, "started again")

    def _control(
        self, request: HttpRequest, rows: QuerySet[TaskExecution], act: Callable[[str], object], done: str
    ) -> None:
        count = 0
        for run_id in rows.values_list("pk", flat=True):
            try:
                act(run_id)
            except StrawberryTasksError as error:
                messages.error(request, f"Run {run_id}: {error}")
            else:
                count += 1
        if count:
            messages.success(request, f"{count} {'run was' if count == 1 else 'runs were'} {done}.")

    @admin.display(description="status", ordering="status")
    def state(self, row: TaskExecution) -> SafeString:
        """The status, in its colour."""
        word = "stopping" if row.cancel_requested and row.status == TaskStatus.RUNNING else row.status.lower()
        return format_html('<span class="task-state" data-state="{}">{}</span>', row.status.lower(), word)

    @admin.display(description="progress", ordering="progress")
    def bar(self, row: TaskExecution) -> SafeString:
        """A bar, and what the task says."""
        return format_html(
            '<progress class="task-bar" max="100" value="{}">{}%</progress> <span class="task-says">{}</span>',
            row.progress,
            round(row.progress),
            row.progress_message or "",
        )

    @admin.display(description="owner", ordering="owner")
    def owned_by(self, row: TaskExecution) -> str | None:
        """Whose run it is."""
        name: str | None = getattr(row, "owner_name", row.owner)
        return name

    @admin.display(description="took")
    def took(self, row: TaskExecution) -> str | None:
        """How long the last attempt took."""
        if row.started_at is None or row.completed_at is None:
            return None
        return f"{(row.completed_at - row.started_at).total_seconds():.1f} s"

    @admin.display(description="timeline")
    def timeline(self, row: TaskExecution) -> SafeString:
        """What happened when."""
        moments = [
            ("Enqueued", row.created_at),
            (f"Attempt {row.attempt} of at most {row.max_retries + 1 + row.given_back} started", row.started_at),
            ("Next attempt, or first one, is due", row.scheduled_for),
            ("To be started by", None if row.started_at else row.start_by),
            (row.status.title(), row.completed_at),
            ("Leaves the store", row.expires_at),
        ]
        known = sorted(((what, when) for what, when in moments if when is not None), key=lambda moment: moment[1])
        items = ((localize(localtime(when)), f"{when:%S.%f}"[:6], what) for what, when in known)
        return format_html(
            '<ol class="task-timeline">{}</ol>',
            format_html_join("", "<li><time>{} ({} s)</time> {}</li>", items),
        )

    @admin.display(description="failure")
    def failure(self, row: TaskExecution) -> str:
        """Why it failed."""
        if row.failure_code is None:
            return NOTHING
        kind = f" ({row.failure_exception})" if row.failure_exception else ""
        return f"{row.failure_code}: {row.failure_message}{kind}"

    @admin.display(description="traceback")
    def traceback(self, row: TaskExecution) -> str:
        """Where it failed."""
        if not row.failure_traceback:
            return NOTHING
        return format_html('<pre class="task-text">{}</pre>', row.failure_traceback)

    @admin.display(description="arguments")
    def arguments_json(self, row: TaskExecution) -> SafeString:
        """What it was started with."""
        return _pretty(row.arguments)

    @admin.display(description="result")
    def result_json(self, row: TaskExecution) -> str:
        """What it returned."""
        return _pretty(row.result) if row.status == TaskStatus.COMPLETED else NOTHING


def _pretty(value: object) -> SafeString:
    return format_html('<pre class="task-text">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))


def _names(owners: set[str]) -> dict[str, str]:
    """Return the user names of those owners that are users."""
    users = get_user_model()
    keys = []
    for owner in owners:
        try:
            keys.append(users._meta.pk.to_python(owner))
        except ValidationError:  # The policy names somebody else than a user.
            continue
    found = users._default_manager.filter(pk__in=keys) if keys else ()
    return {str(user.pk): user.get_username() for user in found}
