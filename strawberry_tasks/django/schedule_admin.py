"""Schedules in Django's admin: made, changed, paused, started now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Field, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime, now
from strawberry.django.context import StrawberryDjangoContext

from ..errors import ConfigurationError, StoreUnavailableError, StrawberryTasksError
from ..policy import Viewer
from ..schedule import Schedule
from ..scheduler import ScheduleView
from .default import default_tasks
from .models import TaskExecution, TaskSchedule

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[TaskSchedule]
else:  # It is generic for type checkers alone.
    _ModelAdmin = admin.ModelAdmin

AWAY = "The store does not answer: nobody knows when these schedules have fired."

NOTHING = "-"
"""What a page shows where there is nothing, as Django does in lists."""

SHOWN_FIRES = 5
"""How many coming fires the page of a schedule shows."""


class LiveScheduleList(ChangeList):
    """Shows schedules as the store has them now."""

    def get_results(self, request: HttpRequest) -> None:
        """Tell how the schedules of the page stand."""
        super().get_results(request)
        rows: list[TaskSchedule] = list(self.result_list)
        if not _look(rows):
            messages.warning(request, AWAY)
        self.result_list = rows


@admin.register(TaskSchedule)
class TaskScheduleAdmin(_ModelAdmin):
    """The schedules of the database."""

    list_display = ("name", "task", "timing", "state", "last_fire", "next_fire")
    list_filter = ("enabled", "task")
    search_fields = ("name", "task")
    actions = ("fire_now", "pause", "resume")
    readonly_fields = ("state", "last_fire", "coming")
    fieldsets = (
        (None, {"fields": ("name", "task", "arguments", "enabled")}),
        ("When", {"fields": (("cron", "timezone"), "every", "jitter", "misfire", "overlap")}),
        ("How it stands", {"fields": ("state", "last_fire", "coming")}),
    )

    class Media:
        """Colours."""

        css = {"all": ("strawberry_tasks/admin.css",)}  # noqa: RUF012 - as Django spells it

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Show the list live."""
        return LiveScheduleList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> TaskSchedule | None:
        """Show one schedule live, too."""
        row = super().get_object(request, object_id, from_field)
        if row is not None and not _look([row]):
            messages.warning(request, AWAY)
        return row

    def get_fieldsets(self, request: HttpRequest, obj: TaskSchedule | None = None) -> Any:
        """Leave out how it stands while there is nothing to stand."""
        return self.fieldsets[:-1] if obj is None else self.fieldsets

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the tasks that there are; one that is gone is refused with a look at the others."""
        if db_field.name == "task":
            names = sorted(default_tasks.registry.tasks)
            kwargs["widget"] = forms.Select(choices=[("", "---------"), *((name, name) for name in names)])
        if db_field.name == "arguments":
            kwargs["widget"] = forms.Textarea(attrs={"rows": 4, "cols": 60})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.action(description="Start selected schedules now", permissions=["change"])
    def fire_now(self, request: HttpRequest, queryset: QuerySet[TaskSchedule]) -> None:
        """Start a run of each for who asks."""
        viewer = _viewer(request)
        for row in queryset:
            try:
                run = default_tasks.schedules.fire(row.name, viewer)
            except StrawberryTasksError as error:
                messages.error(request, f"Schedule {row}: {error}")
            else:
                messages.success(request, format_html("Schedule {}: run {} was started.", row, _link(run.id, run.id)))

    @admin.action(description="Pause selected schedules", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[TaskSchedule]) -> None:
        """Keep each from firing."""
        self._switch(request, queryset, enabled=False, done="paused")

    @admin.action(description="Resume selected schedules", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[TaskSchedule]) -> None:
        """Let each fire again."""
        self._switch(request, queryset, enabled=True, done="resumed")

    def _switch(self, request: HttpRequest, rows: QuerySet[TaskSchedule], *, enabled: bool, done: str) -> None:
        count = rows.exclude(enabled=enabled).update(enabled=enabled)
        messages.success(request, f"{count} {'schedule was' if count == 1 else 'schedules were'} {done}.")

    @admin.display(description="when")
    def timing(self, row: TaskSchedule) -> str:
        """When it fires."""
        return f"{row.cron} {row.timezone}" if row.cron else f"every {row.every}"

    @admin.display(description="state", ordering="enabled")
    def state(self, row: TaskSchedule) -> SafeString:
        """Whether it fires, and why not."""
        why = _fault(row)
        word = "broken" if why else "active" if row.enabled else "paused"
        return format_html(
            '<span class="task-state" data-state="{}">{}</span> <span class="task-says">{}</span>', word, word, why
        )

    @admin.display(description="last fire")
    def last_fire(self, row: TaskSchedule) -> str:
        """The last time that it started a run, and this."""
        view = _view(row)
        if view is None or not getattr(row, "has_run", False):
            return NOTHING
        return _link(view.last_run, _time(view.last_fire))

    @admin.display(description="next fire")
    def next_fire(self, row: TaskSchedule) -> str | None:
        """The next time."""
        view = _view(row)
        return None if view is None or view.next_fire is None else _time(view.next_fire)

    @admin.display(description="next fires")
    def coming(self, row: TaskSchedule) -> str:
        """The next few times."""
        view = _view(row)
        if view is None or view.next_fire is None:
            return NOTHING
        fires = islice(view.schedule.fires_after(now()), SHOWN_FIRES)
        return format_html(
            '<ol class="task-timeline">{}</ol>', format_html_join("", "<li>{}</li>", ((_time(fire),) for fire in fires))
        )


def _look(rows: Sequence[TaskSchedule]) -> bool:
    """Note with each row how it stands; return whether the store has told."""
    schedules = {row.pk: schedule for row in rows if (schedule := _schedule(row)) is not None}
    try:
        views = dict(zip(schedules, default_tasks.schedules.look(schedules.values()), strict=True))
    except StoreUnavailableError:
        return False
    ids = [view.last_run for view in views.values()]
    runs = set(TaskExecution.objects.filter(pk__in=ids).values_list("pk", flat=True))
    for row in rows:
        row.view = views.get(row.pk)  # type: ignore[attr-defined]
        row.has_run = row.pk in views and views[row.pk].last_run in runs  # type: ignore[attr-defined]
    return True


def _view(row: TaskSchedule) -> ScheduleView | None:
    view: ScheduleView | None = getattr(row, "view", None)
    return view


def _schedule(row: TaskSchedule) -> Schedule | None:
    try:
        return row.schedule
    except ConfigurationError:
        return None


def _fault(row: TaskSchedule) -> str:
    """Tell why a schedule cannot fire; nothing if it can."""
    view = _view(row)
    if view is not None:
        return view.error or ""
    try:
        row.schedule  # noqa: B018 - whether it can be read
    except ConfigurationError as error:
        return str(error)
    return ""


def _viewer(request: HttpRequest) -> Viewer:
    # Something to await there is on an event loop alone.
    return cast(
        "Viewer", default_tasks.policy.viewer(StrawberryDjangoContext(request=request, response=HttpResponse()))
    )


def _time(moment: datetime) -> str:
    return f"{localize(localtime(moment).date())} {localtime(moment):%H:%M:%S}"


def _link(run_id: str, text: str) -> SafeString:
    try:
        address = reverse("admin:strawberry_tasks_taskexecution_change", args=[run_id])
    except NoReverseMatch:
        return format_html("{}", text)
    return format_html('<a href="{}">{}</a>', address, text)
