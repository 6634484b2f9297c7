"""Streams with a pulse: their readers come around at regular intervals, with or without news."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta

from strawberry_tasks.hub import Hub
from strawberry_tasks.stores.base import Store
from tests.integration.hub.watching import SECONDS, change, collect, create, end

PULSE = timedelta(milliseconds=20)


async def test_an_idle_stream_beats(store: Store, hub: Hub) -> None:
    """After the present state nothing comes but the pulse, no more often than it should."""
    create(store)
    begun = asyncio.get_running_loop().time()
    async with asyncio.timeout(SECONDS), aclosing(hub.pulsing_run("run", pulse=PULSE)) as states:
        beats = 0
        async for state in states:
            beats += state is None
            if beats == 4:
                break

    # The first interval is cut short at random.
    assert asyncio.get_running_loop().time() - begun >= 3 * PULSE.total_seconds() - 0.005


async def test_news_and_the_end_come_between_the_beats(store: Store, hub: Hub) -> None:
    """A pulse takes no state away, and no stream goes on after the end for it."""
    create(store)
    store.claim("run")
    seen: list[int] = []
    changes = {2: change, 3: end}
    async with asyncio.timeout(SECONDS):
        async for state in hub.pulsing_run("run", pulse=PULSE):
            if state is not None:
                seen.append(state.version)
            elif seen and (next_change := changes.pop(seen[-1], None)):
                next_change(store)

    assert seen == [2, 3, 4]


async def test_a_busy_stream_beats_too(store: Store, hub: Hub) -> None:
    """However much there is to tell, the pulse comes through."""
    create(store)
    store.claim("run")
    beats = 0
    async with asyncio.timeout(SECONDS), aclosing(hub.pulsing_all(None, pulse=PULSE)) as states:
        change(store)
        async for state in states:
            change(store)
            beats += state is None
            if beats == 3:
                break


async def test_many_streams_do_not_beat_at_once(store: Store, hub: Hub) -> None:
    """Streams that begin together ask their questions at other times."""
    create(store)
    loop = asyncio.get_running_loop()

    async def first_beat() -> float:
        async with aclosing(hub.pulsing_run("run", pulse=timedelta(milliseconds=500))) as states:
            async for state in states:
                if state is None:
                    break
        return loop.time()

    async with asyncio.timeout(SECONDS):
        moments = await asyncio.gather(*(first_beat() for _ in range(40)))

    assert max(moments) - min(moments) > 0.1


async def test_without_a_pulse_there_are_states_alone(store: Store, hub: Hub) -> None:
    """`watch_run` yields no beats."""
    create(store)
    end(store)

    assert None not in await collect(hub.watch_run("run"))
