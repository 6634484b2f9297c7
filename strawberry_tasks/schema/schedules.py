"""The field that shows schedules, to those who may list everybody's runs."""

# Without postponed annotations, as in `types.py`.

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import strawberry

from ..errors import UnauthenticatedError
from ..scheduler import ScheduleView
from ..snapshot import Snapshot
from ..stores.records import Reading
from .registry import off_loop, resolve
from .types import TaskHandle
from .visit import visit

Info = strawberry.Info[Any, Any]


@strawberry.type(description="What starts a task again and again.")
class TaskSchedule:
    """A schedule, and how it stands."""

    name: str = strawberry.field(description="Its own name.")
    task: str = strawberry.field(description="The name of the task that it starts.")
    timing: str = strawberry.field(description="When it fires: a cron line and its timezone, or an interval.")
    last_run: TaskHandle | None = strawberry.field(
        description="The run of its last fire, while there is a record of it."
    )
    last_fire_at: datetime = strawberry.field(description="Its last fire; before the first, when it was first seen.")
    next_fire_at: datetime | None = strawberry.field(description="Its next fire; null while it is paused or broken.")
    is_paused: bool = strawberry.field(description="Whether it does not fire.")
    error: str | None = strawberry.field(description="Why it cannot fire; null if it can.")


def schedules(info: Info) -> list[TaskSchedule]:
    """What starts tasks again and again, by name; for staff."""
    return resolve(_schedules(info))  # type: ignore[return-value]  # graphql-core awaits it


SCHEDULE_FIELDS: Mapping[str, Callable[..., Any]] = {"schedules": schedules}
"""What comes into the query type where there are schedules."""


async def _schedules(info: Info) -> list[TaskSchedule]:
    who = await visit(info)
    registry, viewer = who.registry, who.viewer
    if not who.may_list or registry.policy.listed_owner(viewer) is not None:
        raise UnauthenticatedError
    runtime = registry.runtime()
    views = await off_loop(runtime, registry.schedules.views)
    runs = await off_loop(runtime, runtime.store.read, [view.last_run for view in views])

    def shown(view: ScheduleView, run: Reading) -> TaskSchedule:
        return TaskSchedule(
            name=view.schedule.name,
            task=view.schedule.task,
            timing=view.schedule.timing,
            last_run=registry.handle(run, viewer, info.schema) if isinstance(run, Snapshot) else None,
            last_fire_at=view.last_fire,
            next_fire_at=view.next_fire,
            is_paused=view.is_paused,
            error=view.error,
        )

    return [shown(view, run) for view, run in zip(views, runs, strict=True)]
