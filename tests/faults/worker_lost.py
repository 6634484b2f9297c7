"""Kills the worker that performs a run, and measures until when a watcher knows, and until when the run is performed again."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import NamedTuple

from strawberry_tasks import Handle, TaskStatus
from tests.apps.scenarios import Gate
from tests.faults.stage import Stage
from tests.processes import wait_until
from tests.programs import Worker

WORKERS = 2


class Loss(NamedTuple):
    """What one loss of a worker took, in seconds since its end."""

    seen: float
    """Until a watcher got the state that follows."""

    again: float
    """Until the next attempt ran."""

    statuses: list[TaskStatus]
    """What the watcher got since then, up to the next attempt."""


async def measure(stage: Stage, times: int) -> list[Loss]:
    """Lose a worker so many times, one after the other."""
    workers = [await asyncio.to_thread(stage.start_worker, stage.proxy) for _ in range(WORKERS)]
    return [await _lose(stage, workers, stage.directory / f"gate-{number}") for number in range(times)]


async def _lose(stage: Stage, workers: list[Worker], gate: object) -> Loss:
    handle = await stage.tasks.work.aenqueue(stage.journal.path, gate=str(gate))
    seen: list[tuple[float, TaskStatus, int]] = []
    watching = asyncio.create_task(_watch(handle, seen))
    await asyncio.to_thread(wait_until, lambda: stage.journal.has(handle.id, "begun", 1), "the first attempt")
    await asyncio.to_thread(wait_until, lambda: seen and seen[-1][1] is TaskStatus.RUNNING, "the watcher's news")
    pid = next(note.pid for note in stage.journal.read() if note.run_id == handle.id)
    victim = next(worker for worker in workers if pid in worker.pids)

    victim.send_signal(signal.SIGKILL)
    lost = time.monotonic()
    before = len(seen)
    limit = stage.lease.total_seconds() * 3 + 10
    await asyncio.to_thread(wait_until, lambda: stage.journal.has(handle.id, "begun", 2), "the next attempt", limit)
    again = time.monotonic() - lost
    await asyncio.to_thread(wait_until, lambda: any(attempt == 2 for _, _, attempt in seen), "the watcher's news")

    news = seen[before:]
    await asyncio.to_thread(victim.restart)
    Gate(str(gate)).open()
    await asyncio.wait_for(watching, limit)
    return Loss(news[0][0] - lost, again, [status for _, status, _ in news])


async def _watch(handle: Handle[int], seen: list[tuple[float, TaskStatus, int]]) -> None:
    async for state in handle.updates():
        seen.append((time.monotonic(), state.status, state.attempt))  # noqa: PERF401 - others look at the list meanwhile
