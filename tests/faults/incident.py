"""Takes runs to every moment of their lives, inflicts a fault, and collects what became of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import partial
from itertools import pairwise

from strawberry_tasks import Handle, Snapshot, TaskStatus
from strawberry_tasks.errors import QueueUnavailableError, StoreUnavailableError, StrawberryTasksError
from tests.faults.afflictions import Affliction
from tests.faults.stage import Stage
from tests.patience import SECONDS
from tests.processes import wait_until

REPORTS = 10


class Moment(StrEnum):
    """What a run was about when the fault struck."""

    ENQUEUING = "enqueuing"
    """It is enqueued while the fault lasts."""

    QUEUED = "queued"
    """It waits, and is due while the fault lasts."""

    RUNNING = "running"
    """Its function outlasts the fault."""

    REPORTING = "reporting progress"
    """Its function reports while the fault lasts, and outlasts it."""

    FINISHING = "finishing"
    """Its function returns while the fault lasts."""

    FAILING = "failing"
    """Its function raises while the fault lasts."""

    BETWEEN_RETRIES = "between retries"
    """Its first attempt has failed; the next one is due while the fault lasts."""

    IDLE = "idle"
    """It is enqueued after the fault, to a worker that had nothing to do."""


BUSY = [moment for moment in Moment if moment is not Moment.IDLE]

_FAILURES = {Moment.FAILING: 1, Moment.BETWEEN_RETRIES: 1}


@dataclass(slots=True)
class Story:
    """What became of one run."""

    moment: Moment
    handle: Handle[int] | None = None
    refused: bool = False
    """Whether its enqueue failed."""

    states: list[Snapshot] = field(default_factory=list)
    """What its watcher got."""

    executions: list[int] = field(default_factory=list)
    """The attempts whose function was begun, in order."""

    last: Snapshot | None = None
    """Its record, some time after its end."""

    result: int | None = None
    """What it has returned, if it is COMPLETED."""

    trouble: str = ""
    """What its watcher met instead of the end."""

    @property
    def failures(self) -> int:
        """How many attempts are meant to fail."""
        return _FAILURES.get(self.moment, 0)

    @property
    def is_in_order(self) -> bool:
        """Whether its watcher got rising versions, and the end once and last."""
        rises = all(before.version < after.version for before, after in pairwise(self.states))
        ends = [state.is_terminal for state in self.states]
        return rises and ends == [*[False] * (len(ends) - 1), True]


@dataclass(slots=True)
class Aftermath:
    """What a fault has left behind."""

    stories: dict[Moment, Story]
    messages: int
    strangers: set[str]
    """Records of runs that nobody has a handle of."""

    immortal: list[str]
    """Keys that would stay for ever."""

    seconds: dict[str, float] = field(default_factory=dict)


class Incident:
    """One fault on one stage.

    Args:
        stage: Where it happens.
        affliction: The fault.
        moments: Which runs there are.
        patience: Seconds within which every run has to end once the fault is over.
    """

    def __init__(
        self, stage: Stage, affliction: Affliction, moments: Sequence[Moment], *, patience: float = SECONDS
    ) -> None:
        self._stage = stage
        self._affliction = affliction
        self._patience = patience
        self._stories = {moment: Story(moment) for moment in moments}
        self._set_aside: list[Story] = []
        self._watchers: list[asyncio.Task[None]] = []

    async def unfold(self) -> Aftermath:
        """Let it happen, and return what is left."""
        stage, affliction = self._stage, self._affliction
        worker = await asyncio.to_thread(stage.start_worker, stage.first_proxy)
        await self._prepare()
        await asyncio.to_thread(affliction.strike, stage, worker)
        stage.gate("during").touch()
        await self._let_end()
        await asyncio.to_thread(affliction.strike_worker, stage, worker)
        if Moment.ENQUEUING in self._stories:
            await self._enqueue(Moment.ENQUEUING)
        await asyncio.sleep(affliction.seconds)
        await asyncio.to_thread(affliction.heal, stage, worker)
        stage.gate("after").touch()
        if Moment.IDLE in self._stories:
            await self._enqueue(Moment.IDLE, patience=20)
        await self._collect()
        return await self._look_back()

    async def _prepare(self) -> None:
        """Take each run to its moment."""
        gates = {name: str(self._stage.gate(name)) for name in ("during", "after")}
        due = int(self._affliction.seconds * 500 or 300)
        ways: dict[Moment, Callable[[], Awaitable[None]]] = {
            Moment.RUNNING: lambda: self._enqueue(Moment.RUNNING, gate=gates["after"]),
            Moment.REPORTING: lambda: self._enqueue(
                Moment.REPORTING, gate=gates["during"], reports=REPORTS, until=gates["after"]
            ),
            Moment.FINISHING: lambda: self._enqueue(Moment.FINISHING, gate=gates["during"]),
            Moment.FAILING: lambda: self._enqueue(Moment.FAILING, gate=gates["during"], failures=1),
        }
        for moment, enqueue in ways.items():
            if moment in self._stories:
                await enqueue()
                await self._until(partial(self._has, moment, "begun"), f"the attempt of {moment}")
        # Those whose time runs come last.
        if Moment.BETWEEN_RETRIES in self._stories:
            await self._enqueue_until_retrying(due)
        if Moment.QUEUED in self._stories:
            await self._enqueue(Moment.QUEUED, delay=due)

    async def _enqueue_until_retrying(self, pause: int) -> None:
        """Have a run between its attempts; where this process was too slow to see it there in time, take another one."""
        status = None
        while status is not TaskStatus.RETRYING:
            story = self._stories[Moment.BETWEEN_RETRIES] = Story(Moment.BETWEEN_RETRIES)
            await self._enqueue(Moment.BETWEEN_RETRIES, failures=1, pause=pause)
            await self._until(lambda states=story.states: _failed(states), "the failure")
            status = story.states[-1].status
            if status is not TaskStatus.RETRYING:
                self._set_aside.append(story)

    async def _let_end(self) -> None:
        """Wait until the functions have done what they do while the fault lasts."""
        for moment, word in ((Moment.REPORTING, "reported"), (Moment.FINISHING, "ending"), (Moment.FAILING, "ending")):
            if moment in self._stories:
                await self._until(partial(self._has, moment, word), f"{moment}: {word}")

    async def _enqueue(
        self,
        moment: Moment,
        *,
        gate: str = "",
        reports: int = 0,
        until: str = "",
        failures: int = 0,
        pause: int = 0,
        delay: int = 0,
        patience: float = 0,
    ) -> None:
        story, deadline = self._stories[moment], time.monotonic() + patience
        task = self._stage.tasks.work
        if delay:
            task = task.using(delay=timedelta(milliseconds=delay))
        while True:
            try:
                story.handle = await task.aenqueue(
                    self._stage.journal.path, gate=gate, reports=reports, until=until, failures=failures, pause=pause
                )
                break
            except QueueUnavailableError:
                if time.monotonic() >= deadline:
                    story.refused = True
                    return
            await asyncio.sleep(0.1)
        self._watchers.append(asyncio.create_task(self._watch(story, story.handle)))

    async def _watch(self, story: Story, handle: Handle[int]) -> None:
        try:
            async for state in handle.updates():
                story.states.append(state)
        except StrawberryTasksError as error:
            story.trouble = repr(error)

    async def _collect(self) -> None:
        _, pending = await asyncio.wait(self._watchers, timeout=self._patience)
        for watcher in pending:
            watcher.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    async def _look_back(self) -> Aftermath:
        stage, stories = self._stage, self._stories
        with contextlib.suppress(AssertionError):
            await self._until(lambda: stage.messages() == 0, "the messages to be gone")
        known = {story.handle.id for story in [*stories.values(), *self._set_aside] if story.handle is not None}
        with contextlib.suppress(AssertionError):
            await self._until(lambda: stage.records() <= known, "the refused runs to be gone")
        for story in stories.values():
            if story.handle is not None:
                story.executions = stage.journal.executions(story.handle.id)
                with contextlib.suppress(StoreUnavailableError, StrawberryTasksError):
                    story.last = await story.handle.arefresh()
                    if story.last.status is TaskStatus.COMPLETED:
                        story.result = await story.handle.aresult(timedelta(seconds=SECONDS))
        return Aftermath(
            stories=stories,
            messages=stage.messages(),
            strangers=stage.records() - known,
            immortal=stage.immortal_keys(),
        )

    def _has(self, moment: Moment, word: str) -> bool:
        handle = self._stories[moment].handle
        return handle is not None and self._stage.journal.has(handle.id, word)

    async def _until(self, condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
        try:
            await asyncio.to_thread(wait_until, condition, what, seconds)
        except AssertionError as error:
            for story in self._stories.values():
                error.add_note(f"{story.moment}: {[str(state.status) for state in story.states]} {story.trouble}")
            raise


def _failed(states: Sequence[Snapshot]) -> bool:
    return bool(states) and (states[-1].status is TaskStatus.RETRYING or states[-1].attempt > 1)
