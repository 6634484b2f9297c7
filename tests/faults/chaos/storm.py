"""A chaos run: enqueues and watches runs while faults strike, and gathers the evidence."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from strawberry_tasks import Handle, Snapshot, TaskStatus
from strawberry_tasks.errors import QueueUnavailableError, StoreUnavailableError, StrawberryTasksError
from tests.faults.chaos.oracle import Evidence
from tests.faults.chaos.plan import Part, Plan
from tests.faults.chaos.scene import LEASE, NAMESPACE, Scene
from tests.faults.chaos.streams import Event

OUTSTANDING = 200
"""How many runs there are at a time at the most."""

PRODUCERS = 16
"""How many of them are enqueued at a time."""

SHOWN = 3
"""One run in so many is watched by another process, too."""

PATIENCE = 60.0
"""Seconds within which the last runs have to end."""


class Storm:
    """One chaos run.

    Args:
        plan: What is left to chance.
        scene: Where it happens.
        say: Told what happens.
    """

    def __init__(self, plan: Plan, scene: Scene, *, say: Callable[[str], object]) -> None:
        self._plan = plan
        self._scene = scene
        self._say = say
        self._handles: dict[str, Handle[int]] = {}
        self._parts: dict[str, Part] = {}
        self._shown: set[str] = set()
        self._events: dict[str, list[Event]] = {}
        self._open = asyncio.Semaphore(OUTSTANDING)
        self._watchers: set[asyncio.Task[None]] = set()
        self._struck = 0
        self._progress = asyncio.Condition()
        self._errors: list[str] = []
        self._unsettled: set[str] = set()
        self.refused = 0

    async def rage(self) -> Evidence:
        """Let it happen, and return what is known afterwards."""
        parts = self._plan.parts()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._strike())
            for _ in range(PRODUCERS):
                group.create_task(self._produce(parts))
        self._say(f"all runs are accepted, {self.refused} were refused on the way")
        await self._calm()
        ends = await asyncio.to_thread(self._read_all)
        # Whoever comes back late has come back now.
        await asyncio.sleep(LEASE.total_seconds() + 1)
        return await asyncio.to_thread(self._gather, ends)

    async def _strike(self) -> None:
        for strike in self._plan.strikes:
            async with self._progress:
                await self._progress.wait_for(partial(self._have_come, strike.at))
            self._say(str(strike))
            await asyncio.to_thread(self._scene.strike, strike)
            async with self._progress:
                self._struck += 1
                self._progress.notify_all()

    def _have_come(self, runs: int) -> bool:
        return len(self._parts) >= runs

    def _may_produce(self) -> bool:
        # The next fault has to find runs on their way.
        following = self._plan.strikes[self._struck + 1 : self._struck + 2]
        return not following or len(self._parts) < following[0].at

    async def _produce(self, parts: Iterator[Part]) -> None:
        for part in parts:
            async with self._progress:
                await self._progress.wait_for(self._may_produce)
            await self._open.acquire()
            handle = await self._enqueue(part)
            self._handles[handle.id], self._parts[handle.id] = handle, part
            watcher = asyncio.create_task(self._watch(handle))
            self._watchers.add(watcher)
            watcher.add_done_callback(self._watchers.discard)
            if len(self._parts) % SHOWN == 0:
                self._shown.add(handle.id)
                self._scene.show(handle.id)
            async with self._progress:
                self._progress.notify_all()

    async def _enqueue(self, part: Part) -> Handle[int]:
        tasks = self._scene.tasks
        task = (tasks.play_async if part.is_async else tasks.play).using(delay=part.delay)
        while True:
            try:
                return await task.aenqueue(
                    self._scene.journal.path,
                    steps=part.steps,
                    pace=part.pace,
                    failures=part.failures,
                    hopeless=part.hopeless,
                )
            except QueueUnavailableError as error:
                self.refused += 1
                self._unsettled.update(error.unsettled)
            except StrawberryTasksError as error:
                self._errors.append(repr(error))
            await asyncio.sleep(0.1)

    async def _watch(self, handle: Handle[int]) -> None:
        events = self._events[handle.id] = []
        part = self._parts[handle.id]
        canceling = None if part.cancel_after is None else asyncio.create_task(_cancel(handle, part.cancel_after))
        try:
            async for state in handle.updates():
                events.append(Event(state.version, str(state.status), state.is_terminal))  # noqa: PERF401 - may be cut short
        finally:
            self._open.release()
            if canceling is not None:
                canceling.cancel()

    async def _calm(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self._watchers and time.monotonic() < deadline:
            await asyncio.wait(self._watchers, timeout=1)
        for watcher in list(self._watchers):
            watcher.cancel()
        while time.monotonic() < deadline:
            seen = await asyncio.to_thread(self._scene.streams.read)
            if all(run_id in seen and seen[run_id][-1].is_terminal for run_id in self._shown):
                break
            await asyncio.sleep(0.2)

    def _read_all(self) -> dict[str, Snapshot | None]:
        ids = list(self._handles)
        store = self._scene.tasks.tasks.runtime().store
        states: list[Snapshot | None] = []
        for start in range(0, len(ids), 200):
            states += store.read(ids[start : start + 200])
        return dict(zip(ids, states, strict=True))

    def _read_results(self, ends: dict[str, Snapshot | None]) -> dict[str, object]:
        read = self._scene.tasks.tasks.runtime().read_result
        texts = {run_id: read(run_id) for run_id, run in ends.items() if run and run.status is TaskStatus.COMPLETED}
        return {run_id: json.loads(text) for run_id, text in texts.items() if text is not None}

    def _gather(self, ends: dict[str, Snapshot | None]) -> Evidence:
        elsewhere = self._scene.streams.read()
        keys: set[str] = set()
        immortal: list[str] = []
        messages = 0
        for client in self._scene.clients():
            with client:
                found = list(client.scan_iter(f"{NAMESPACE}:*", count=1000))
                immortal += [key for key in found if client.pttl(key) == -1]
                messages += int(client.hlen(f"{NAMESPACE}:queue:default:messages"))
                keys.update(found)
        records = {key.rpartition(":")[2] for key in keys if key.startswith(f"{NAMESPACE}:run:")}
        return Evidence(
            parts=self._parts,
            notes=self._scene.journal.read(),
            ends=ends,
            finals=self._read_all(),
            results=self._read_results(ends),
            streams={
                "this process": self._events,
                "the subscriber": {run_id: elsewhere.get(run_id, []) for run_id in self._shown},
            },
            blows=self._scene.blows,
            messages=messages,
            immortal=immortal,
            strangers=records - set(self._parts),
            unsettled=self._unsettled,
            errors=self._errors,
        )


async def _cancel(handle: Handle[int], seconds: float) -> None:
    await asyncio.sleep(seconds)
    while True:
        try:
            await handle.acancel()
            return
        except StoreUnavailableError:
            await asyncio.sleep(0.1)


def run_chaos(
    plan: Plan, directory: Path, *, say: Callable[[str], object], apart: bool = False
) -> tuple[Evidence, int]:
    """Play a plan, and return the evidence and how many enqueues were refused.

    Args:
        plan: The plan.
        directory: Where files go.
        say: Told what happens.
        apart: Whether the messages are on a server of their own.
    """

    async def rage() -> tuple[Evidence, int]:
        storm = Storm(plan, scene, say=say)
        return await storm.rage(), storm.refused

    with Scene(directory, apart=apart) as scene:
        return asyncio.run(rage())
