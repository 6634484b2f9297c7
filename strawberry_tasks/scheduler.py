"""Makes the fires of schedules, each once, however many schedulers there are."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from .errors import (
    AlreadyFiredError,
    QueueUnavailableError,
    ScheduleNotFoundError,
    StoreUnavailableError,
    StrawberryTasksError,
)
from .handle import Handle
from .outage import Outage
from .policy import NOBODY, Viewer
from .schedule import Schedule
from .snapshot import Snapshot
from .sources import Found, PausingSource, Source, Sources
from .stores.base import Fire, ScheduleState

if TYPE_CHECKING:
    from .runtime import Runtime
    from .task import Task

logger = logging.getLogger(__name__)

LONGEST_SLEEP: Final = timedelta(seconds=1)
"""How long a scheduler sleeps at the most, so that what has changed takes effect."""

PAUSE: Final = timedelta(seconds=2)
"""How long a scheduler waits while the store or the queue is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleView:
    """A schedule, and how it stands."""

    schedule: Schedule
    """The schedule."""

    last_fire: datetime
    """Its last fire; before the first one, when it was first seen."""

    next_fire: datetime | None
    """Its next fire; ``None`` while it is paused or broken."""

    last_run: str
    """The id that the run of its last fire has, if there was one."""

    is_paused: bool
    """Whether it does not fire."""

    error: str | None
    """Why it cannot fire; ``None`` if it can."""


class Schedules:
    """The schedules of one `Tasks`: looked at, paused, and fired.

    Args:
        find: Finds a task by its name; ``None`` if there is none.
        runtime: This process's runtime.
        declared: The schedules that were declared so far; more may come.
        namespace: Makes the ids of runs differ from other projects'.
    """

    def __init__(
        self,
        find: Callable[[str], Task[..., Any] | None],
        runtime: Callable[[], Runtime],
        *,
        declared: Sequence[Schedule],
        namespace: str,
    ) -> None:
        self._find = find
        self._runtime = runtime
        self._namespace = namespace
        self._declared = declared
        self._sources = Sources()
        self._sources.add(lambda: declared)
        self._unsent: dict[str, tuple[Schedule, datetime]] = {}
        self._told: dict[str, tuple[Schedule, str]] = {}

    def add(self, source: Source) -> None:
        """Take further schedules from a source; of two with one name, the first counts."""
        self._sources.add(source)

    @property
    def is_used(self) -> bool:
        """Whether there are schedules, or may be some day; asks no source."""
        return bool(self._declared) or len(self._sources) > 1

    @property
    def declared(self) -> Sequence[Schedule]:
        """Those that stand in the code."""
        return tuple(self._declared)

    def all(self) -> Mapping[str, Schedule]:
        """Return the schedules that there are now, by their names."""
        return {name: found.schedule for name, found in self._sources.read().items()}

    def views(self) -> list[ScheduleView]:
        """Tell how each schedule stands, in the order of their names.

        Raises:
            StoreUnavailableError: If the store does not answer.
        """
        return self.look(sorted(self.all().values(), key=lambda schedule: schedule.name))

    def look(self, schedules: Iterable[Schedule]) -> list[ScheduleView]:
        """Tell how some schedules stand, in their order.

        Raises:
            StoreUnavailableError: If the store does not answer.
        """
        schedules = list(schedules)
        now, states = self._runtime().store.schedules([schedule.identity for schedule in schedules])
        return [self._view(schedule, state, now) for schedule, state in zip(schedules, states, strict=True)]

    def pause(self, name: str) -> None:
        """Keep a schedule from firing; what it misses meanwhile is not made up for.

        Raises:
            ScheduleNotFoundError: If there is none of that name.
            StoreUnavailableError: If the store does not answer.
        """
        self._pause(name, paused=True)

    def resume(self, name: str) -> None:
        """Let a schedule fire again.

        Raises:
            ScheduleNotFoundError: If there is none of that name.
            StoreUnavailableError: If the store does not answer.
        """
        self._pause(name, paused=False)

    def fire(self, name: str, viewer: Viewer = NOBODY) -> Handle[Any]:
        """Start a run as the schedule would, now; its fires stay as they are.

        Args:
            name: The schedule's name.
            viewer: Whose run it is; by default nobody's.

        Raises:
            ScheduleNotFoundError: If there is none of that name, or its task is gone.
            TaskInputError: If its arguments do not fit the task.
            QueueUnavailableError: If the queue cannot be reached. Nothing was started.
        """
        schedule = self._get(name).schedule
        task = self._find(schedule.task)
        if task is None:
            raise ScheduleNotFoundError(f"Schedule {name!r} is for the task {schedule.task!r}, which is not there.")
        return task.using(viewer=viewer).enqueue(**task.check_arguments(schedule.arguments))

    def tick(self) -> timedelta:
        """Make the fires that are due, and return how long to sleep.

        Raises:
            StoreUnavailableError: If the store does not answer.
            QueueUnavailableError: If the queue cannot be reached. What was not fired is fired by the next tick.
        """
        runtime = self._runtime()
        with runtime.surroundings.in_thread():
            for unsent in list(self._unsent.values()):
                self._make(*unsent)
            schedules = list(self.all().values())
            now, states = runtime.store.schedules([schedule.identity for schedule in schedules])
            sleep = LONGEST_SLEEP
            for schedule, state in zip(schedules, states, strict=True):
                if state.is_paused or schedule.is_paused:
                    continue
                for at in schedule.due(state.last, now):
                    self._make(schedule, at)
                coming = schedule.next_fire(now)
                if coming is not None:
                    sleep = min(sleep, coming - now)
            return sleep

    def run(self, stopped: threading.Event) -> None:
        """Make fires until somebody stops it; while the store or the queue is away, wait for it. Any number may run.

        Args:
            stopped: Ends it when set.
        """
        outage = Outage(logger)
        while not stopped.is_set():
            try:
                sleep = self.tick()
            except (StoreUnavailableError, QueueUnavailableError) as error:
                outage.note("The scheduler waits: %s", error)
                sleep = PAUSE
            else:
                outage.end("The scheduler goes on.")
            stopped.wait(max(sleep.total_seconds(), 0.001))

    def _make(self, schedule: Schedule, at: datetime) -> None:
        """Make one fire; one that is broken tells so, and waits until it is not."""
        run_id = schedule.run_id(self._namespace, at)
        try:
            run = self._start(schedule, at, run_id)
        except AlreadyFiredError:
            self._unsent.pop(run_id, None)
        except (StoreUnavailableError, QueueUnavailableError):
            # Its record may be there, and the store does not call it due any more: nobody else would send its message.
            self._unsent[run_id] = schedule, at
            raise
        except Exception as error:  # noqa: BLE001 - whatever its arguments raise, the others have to fire.
            self._tell(schedule, str(error), error)
        else:
            self._unsent.pop(run_id, None)
            self._told.pop(schedule.identity, None)
            if run.id != run_id:
                logger.info("Schedule %s did not fire: run %s goes on.", schedule.name, run.id)

    def _start(self, schedule: Schedule, at: datetime, run_id: str) -> Snapshot:
        task = self._find(schedule.task)
        if task is None:
            raise ScheduleNotFoundError(_gone(schedule))
        chosen = task.using(
            delay=schedule.delay(at),
            key=f"schedule:{schedule.identity}"[:200] if schedule.overlap == "skip" else None,
            tags=[f"schedule:{schedule.name}"[:200]],
        )
        fire = Fire(schedule.identity, at)
        return chosen.fire(fire, run_id, schedule.arguments, alone=schedule.overlap == "queue")

    def _tell(self, schedule: Schedule, why: str, error: Exception) -> None:
        """Log why a schedule cannot fire, once until it changes."""
        if self._told.get(schedule.identity) == (schedule, why):
            return
        self._told[schedule.identity] = schedule, why
        logger.error(
            "Schedule %s cannot fire: %s",
            schedule.name,
            why,
            exc_info=None if isinstance(error, StrawberryTasksError) else error,
        )

    def _view(self, schedule: Schedule, state: ScheduleState, now: datetime) -> ScheduleView:
        error = self._fault(schedule)
        is_paused = state.is_paused or schedule.is_paused
        return ScheduleView(
            schedule=schedule,
            last_fire=state.last,
            next_fire=None if error is not None or is_paused else schedule.next_fire(now),
            last_run=schedule.run_id(self._namespace, state.last),
            is_paused=is_paused,
            error=error,
        )

    def _fault(self, schedule: Schedule) -> str | None:
        task = self._find(schedule.task)
        if task is None:
            return _gone(schedule)
        try:
            task.check_arguments(schedule.arguments)
        except Exception as error:  # noqa: BLE001 - whatever they raise, it would when they fire.
            return str(error)
        return None

    def _pause(self, name: str, *, paused: bool) -> None:
        schedule, source = self._get(name)
        if isinstance(source, PausingSource):
            source.pause(name, paused=paused)
        else:
            self._runtime().store.pause(schedule.identity, paused=paused)

    def _get(self, name: str) -> Found:
        found = self._sources.read()
        if name not in found:
            raise ScheduleNotFoundError(
                f"There is no schedule named {name!r}. There are: {', '.join(sorted(found)) or 'none'}."
            )
        return found[name]


def _gone(schedule: Schedule) -> str:
    return f"There is no task named {schedule.task!r}."
