"""A web process's part: watches the runs that a file names, notes what it gets, and goes on where it was after a crash.

It runs as a module, with the file of ids and the file of events as its arguments.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from strawberry_tasks import Tasks
from tests.apps.settings import Settings
from tests.faults.chaos.streams import Streams
from tests.faults.chaos.tasks import make_tasks

LOOK_SECONDS = 0.05


async def subscribe(tasks: Tasks, ids: Path, streams: Streams) -> None:
    """Watch each run until its end, for ever."""
    known = {run_id: events[-1] for run_id, events in streams.read().items()}
    watchers: set[asyncio.Task[None]] = set()
    with ids.open() as lines:
        print("subscribed", flush=True)
        text = ""
        while True:
            text += lines.read()
            *complete, text = text.split("\n")
            for run_id in complete:
                last = known.get(run_id)
                if last is None or not last.is_terminal:
                    after = None if last is None else last.version
                    watcher = asyncio.create_task(_watch(tasks, run_id, after, streams))
                    watchers.add(watcher)
                    watcher.add_done_callback(watchers.discard)
            await asyncio.sleep(LOOK_SECONDS)


async def _watch(tasks: Tasks, run_id: str, after: int | None, streams: Streams) -> None:
    async for state in tasks.runtime().hub.watch_run(run_id, after=after):
        streams.write(state)


if __name__ == "__main__":
    asyncio.run(
        subscribe(make_tasks(Settings.from_environment()).tasks, Path(sys.argv[1]), Streams(sys.argv[2])),
    )
