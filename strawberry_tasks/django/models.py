"""The tables: the log of runs, and schedules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Self

from django.core.exceptions import ValidationError
from django.db import models

from ..errors import TaskUnreadableError
from ..schedule import Schedule
from ..snapshot import Failure, Snapshot, to_fields
from ..status import TaskStatus
from ..stores.records import snapshot_from, unreadable
from .schedule_rows import faults, schedule_of


class TaskExecution(models.Model):
    """A run, as it was last heard of. Written on transitions alone; progress is in the store while it lasts."""

    id = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=200)
    queue = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=[(status.value, status.value.title()) for status in TaskStatus])
    version = models.PositiveBigIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    max_retries = models.PositiveIntegerField(default=0)
    given_back = models.PositiveIntegerField(default=0)

    owner = models.CharField(max_length=255, null=True, blank=True)
    claims = models.JSONField(default=dict, blank=True)
    arguments = models.JSONField(default=dict, blank=True)
    key = models.CharField(max_length=200, null=True, blank=True)
    tags = models.JSONField(default=list, blank=True)
    priority = models.SmallIntegerField(default=0)
    retry_of = models.CharField(max_length=64, null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)

    progress = models.FloatField(default=0)
    progress_current = models.FloatField(null=True, blank=True)
    progress_total = models.FloatField(null=True, blank=True)
    progress_message = models.TextField(null=True, blank=True)
    result = models.JSONField(null=True, blank=True)
    failure_code = models.CharField(max_length=200, null=True, blank=True)
    failure_message = models.TextField(blank=True, default="")
    failure_exception = models.CharField(max_length=200, null=True, blank=True)
    failure_traceback = models.TextField(null=True, blank=True)

    created_at = models.DateTimeField()
    scheduled_for = models.DateTimeField(null=True, blank=True)
    start_by = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)
    """When the row was last written."""

    outbox = models.JSONField(null=True, blank=True)
    """What sending the run takes, until it is known to be sent."""

    class Meta:
        """Newest first; found by owner, by state, and by whether they wait to be sent."""

        verbose_name = "task run"
        verbose_name_plural = "task runs"
        ordering = ("-created_at", "-id")
        indexes: ClassVar = [
            models.Index(fields=["-created_at", "-id"], name="task_run_newest"),
            models.Index(fields=["owner", "-created_at", "-id"], name="task_run_owner"),
            models.Index(fields=["status", "changed_at"], name="task_run_status"),
            models.Index(fields=["completed_at"], name="task_run_completed"),
            models.Index(fields=["changed_at"], name="task_run_outbox", condition=models.Q(outbox__isnull=False)),
        ]
        permissions: ClassVar = [("control_taskexecution", "Can cancel and retry task runs")]

    def __str__(self) -> str:
        return f"{self.name} {self.id}"

    @classmethod
    def of(cls, run: Snapshot) -> Self:
        """Make the row of a snapshot; its arguments and its result are not part of it."""
        row = cls()
        row.take(run)
        return row

    def take(self, run: Snapshot) -> None:
        """Take over a snapshot of the run; nothing is saved."""
        for name in SAME:
            setattr(self, name, getattr(run, name))
        failure = run.failure
        self.status = run.status.value
        self.claims = dict(run.claims)
        self.tags = list(run.tags)
        self.failure_code = failure.code if failure else None
        self.failure_message = failure.message if failure else ""
        self.failure_exception = failure.exception if failure else None
        self.failure_traceback = failure.traceback if failure else None

    @property
    def is_terminal(self) -> bool:
        """Whether nothing about the run will change any more, as far as its state is known here."""
        return self.status not in _LIVE

    @property
    def snapshot(self) -> Snapshot:
        """The run's state.

        Raises:
            TaskUnreadableError: If the row is damaged, or of another version.
        """
        try:
            run = self._snapshot()
            # What a database lets stand in a column may be anything.
            snapshot_from(self.id, to_fields({field.name: getattr(run, field.name) for field in fields(run)}))
        except TaskUnreadableError:
            raise
        except Exception as error:
            raise unreadable(str(self.id), f"{type(error).__name__}: {error}") from error
        return run

    def _snapshot(self) -> Snapshot:
        if not isinstance(self.tags, list):  # A text would fall apart into letters.
            raise TypeError(f"tags: expected a list, got {self.tags!r}")
        failure = None
        if self.failure_code is not None:
            failure = Failure(
                code=self.failure_code,
                message=self.failure_message,
                exception=self.failure_exception,
                traceback=self.failure_traceback,
            )
        same = {name: getattr(self, name) for name in SAME}
        return Snapshot(
            **same,
            status=TaskStatus(self.status),
            claims=self.claims,
            tags=tuple(self.tags),
            failure=failure,
        )


_LIVE: Final = frozenset(status.value for status in TaskStatus if not status.is_terminal)

SAME = (
    "id",
    "name",
    "queue",
    "version",
    "attempt",
    "max_retries",
    "given_back",
    "progress",
    "progress_current",
    "progress_total",
    "progress_message",
    "cancel_requested",
    "retry_of",
    "key",
    "priority",
    "owner",
    "created_at",
    "scheduled_for",
    "start_by",
    "started_at",
    "completed_at",
    "expires_at",
)
"""What a row and a snapshot have under the same name, and in the same form."""

TIMING: Final = frozenset({"cron", "every", "timezone", "enabled"})
"""The fields of a schedule whose change lets it make up for nothing before."""


class TaskScheduleQuerySet(models.QuerySet["TaskSchedule"]):
    """Schedules; schedulers notice what is updated here."""

    def update(self, **values: Any) -> int:
        """Change rows without a look at what they say."""
        moment = datetime.now(UTC)
        values.setdefault("changed_at", moment)
        if TIMING & values.keys():
            values.setdefault("effective_at", moment)
        return super().update(**values)


class TaskSchedule(models.Model):
    """Starts a task again and again. Changes take effect while schedulers run, at their next tick: within a second or so."""

    name = models.CharField(max_length=200, unique=True, help_text="Without spaces.")
    task = models.CharField(max_length=200)
    arguments = models.JSONField(
        default=dict, blank=True, help_text='The task\'s arguments as JSON, by name: {"provider": "AMAZON"}'
    )
    cron = models.CharField(
        max_length=200,
        blank=True,
        default="",
        help_text="Minute, hour, day of month, month, day of week: 0 3 * * mon-fri",
    )
    every = models.DurationField(
        "interval", null=True, blank=True, help_text="Instead of a cron line, at least a second: 00:05:00"
    )
    timezone = models.CharField(max_length=100, default="UTC", help_text="Where the clock of the cron line hangs.")
    misfire = models.CharField(
        "missed fires",
        max_length=10,
        default="once",
        choices=[("once", "the last one is made up for"), ("all", "each is made up for"), ("skip", "are left out")],
    )
    overlap = models.CharField(
        "while the last run goes on",
        max_length=10,
        default="allow",
        choices=[("allow", "another one starts"), ("skip", "none starts"), ("queue", "the next one waits")],
    )
    jitter = models.DurationField(default=timedelta(0), help_text="How long a run waits at the most after its fire.")
    enabled = models.BooleanField(default=True, help_text="What it misses while it is off is not made up for.")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    """When the row was last written; schedulers read the rows again for which this has changed."""

    effective_at = models.DateTimeField(editable=False)
    """It makes up for no fire before: when it was made, or its timing was changed, or it was switched on or off."""

    objects = TaskScheduleQuerySet.as_manager()

    class Meta:
        """By name."""

        verbose_name = "task schedule"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def schedule(self) -> Schedule:
        """What schedulers see.

        Raises:
            ConfigurationError: If it cannot work; rows that are written without `save` are not looked at before.
        """
        return schedule_of(self)

    def clean(self) -> None:
        """Look at it as at a declaration.

        Raises:
            ValidationError: If it cannot work, or its arguments do not fit its task; by field.
        """
        super().clean()
        if found := faults(self):
            raise ValidationError({field: [fault] for field, fault in found.items()})

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        """Write it, and have schedulers notice; refuse what cannot work, unless only some fields are written.

        Raises:
            ValidationError: As `clean` does.
        """
        if self._has_new_timing(options.get("using") or self._state.db):
            self.effective_at = datetime.now(UTC)
        if update_fields is None:
            self.full_clean(validate_unique=False)
        else:
            update_fields = {*update_fields, "changed_at", "effective_at"}
        super().save(*args, update_fields=update_fields, **options)

    def _has_new_timing(self, database: str | None) -> bool:
        known = type(self).objects.using(database).filter(pk=self.pk).values(*TIMING).first()
        return bool(known != {field: getattr(self, field) for field in TIMING})
