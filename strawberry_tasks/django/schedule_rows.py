"""What may stand in the row of a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, TaskInputError
from ..schedule import Schedule
from ..snapshot import JSON
from .default import default_tasks

if TYPE_CHECKING:
    from .models import TaskSchedule


def schedule_of(row: TaskSchedule) -> Schedule:
    """Return what a row says.

    Raises:
        ConfigurationError: If it cannot work.
    """
    return Schedule(
        name=row.name,
        task=row.task,
        cron=row.cron or None,
        every=row.every,
        timezone=row.timezone,
        misfire=row.misfire,  # type: ignore[arg-type]  # it is checked there
        overlap=row.overlap,  # type: ignore[arg-type]
        jitter=row.jitter,
        arguments=_arguments(row.arguments),
        # Another row of its name, and this one under another name, must not be taken for each other.
        key="" if row._state.adding else f"TaskSchedule:{row.pk}",
        after=row.effective_at,
        is_paused=not row.enabled,
    )


def faults(row: TaskSchedule) -> dict[str, str]:
    """Tell what is wrong with a row, by field; what is not there at all its model tells."""
    found = {field: error for field, values in _parts(row).items() if (error := _fault(values)) is not None}
    if bool(row.cron) == (row.every is not None):
        found["cron" if row.cron else "every"] = "Expected either a cron line or an interval, got both or none."
    if any(schedule.name == row.name for schedule in default_tasks.schedules.declared):
        found["name"] = f"The code has a schedule named {row.name!r}, which counts."
    return {**found, **(_call_faults(row) if row.task else {})}


def _parts(row: TaskSchedule) -> dict[str, dict[str, Any]]:
    """Return what can be wrong by itself."""
    parts: dict[str, dict[str, Any]] = {
        "name": {"name": row.name or "unnamed"},
        "timezone": {"timezone": row.timezone},
        "misfire": {"misfire": row.misfire},
        "overlap": {"overlap": row.overlap},
        "jitter": {"jitter": row.jitter},
    }
    if row.cron:
        parts["cron"] = {"cron": row.cron, "every": None}
    if row.every is not None:
        parts["every"] = {"every": row.every}
    return parts


def _fault(values: Mapping[str, Any]) -> str | None:
    try:
        Schedule(**{"name": "unnamed", "task": "unnamed", "every": timedelta(hours=1), **values})
    except ConfigurationError as error:
        return str(error)
    return None


def _call_faults(row: TaskSchedule) -> dict[str, str]:
    try:
        task = default_tasks.find(row.task)
    except KeyError:
        known = ", ".join(sorted(default_tasks.registry.tasks))
        return {"task": f"There is no task named {row.task!r}. There are: {known}."}
    try:
        task.check_arguments(_arguments(row.arguments))
    except (ConfigurationError, TaskInputError) as error:
        return {"arguments": str(error)}
    return {}


def _arguments(value: object) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"arguments: expected an object of names and values, got {value!r}.")
    return value
