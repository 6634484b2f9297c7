"""A subscriber joins at every single step of a run."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

from strawberry_tasks import Handle, Snapshot, TaskStatus
from tests.apps.scenarios import Gate
from tests.faults.stage import Stage
from tests.patience import SECONDS
from tests.processes import wait_until

STEPS = 8


async def test_it_gets_the_present_state_then_the_news_then_the_end(tmp_path: Path) -> None:
    """Whenever one joins, there comes the state of that moment, each newer one in order, and the end once."""
    with Stage(tmp_path) as stage:
        watchers: list[asyncio.Task[list[Snapshot]]] = []
        joined: list[Snapshot] = []

        async def join() -> None:
            joined.append(await handle.arefresh())
            watcher, first = _watch(handle)
            watchers.append(watcher)
            await first

        handle = await stage.tasks.walk.aenqueue(str(tmp_path), STEPS)
        await join()
        await asyncio.to_thread(stage.start_worker, stage.proxy)
        await _until(lambda: handle.refresh().status is TaskStatus.RUNNING, "the start")
        for step in range(1, STEPS + 1):
            await join()
            Gate(str(tmp_path / str(step))).open()
            await _until(lambda step=step: handle.refresh().progress_current == step, f"step {step}")
        await join()
        Gate(str(tmp_path / "end")).open()
        await _until(lambda: handle.refresh().is_terminal, "the end")
        await join()
        async with asyncio.timeout(SECONDS):
            streams = await asyncio.gather(*watchers)

    assert len(streams) == STEPS + 3
    last = streams[-1][-1]
    for state, stream in zip(joined, streams, strict=True):
        assert stream[0] == state
        assert all(before.version < after.version for before, after in pairwise(stream))
        assert [each.is_terminal for each in stream] == [*[False] * (len(stream) - 1), True]
        assert stream[-1] == last
    # As each step waited to be seen, the first one who came has seen them all.
    assert [state.progress_current for state in streams[0] if state.status is TaskStatus.RUNNING] == [
        None,
        *map(float, range(1, STEPS + 1)),
    ]


def _watch(handle: Handle[int]) -> tuple[asyncio.Task[list[Snapshot]], asyncio.Future[None]]:
    first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def collect() -> list[Snapshot]:
        states = []
        async for state in handle.updates():
            states.append(state)
            if not first.done():
                first.set_result(None)
        return states

    return asyncio.create_task(collect()), first


async def _until(condition: object, what: str) -> None:
    await asyncio.to_thread(wait_until, condition, what)  # type: ignore[arg-type]
