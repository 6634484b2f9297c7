"""What is left of those who watched."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from strawberry_tasks.errors import StoreUnavailableError
from strawberry_tasks.hub import Hub
from strawberry_tasks.stores.base import Store, run_topic
from tests.integration.hub.watching import SECONDS, Place, collect, create, end, hub_threads, take
from tests.processes import wait_until


async def test_leaving_leaves_nothing_behind(place: Place, store: Store, hub: Hub) -> None:
    """Subscribers that are cancelled, close, or are done: no topic stays attached, and the hub's thread ends."""
    create(store)
    cancelled = [asyncio.ensure_future(collect(hub.watch_run("run"))) for _ in range(50)]
    cancelled += [asyncio.ensure_future(collect(hub.watch_all("ann"))) for _ in range(50)]
    closed = [hub.watch_run("run") for _ in range(50)]
    for states in closed:
        await take(states)
    await asyncio.to_thread(wait_until, lambda: len(place.topics()) == 2, "both topics are attached")

    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
    for states in closed:
        await states.aclose()

    await asyncio.to_thread(wait_until, lambda: not place.topics(), "nothing is attached")
    await asyncio.to_thread(wait_until, lambda: not hub_threads(), "the hub's thread has ended")


async def test_a_topic_goes_with_its_last_subscriber(place: Place, store: Store, hub: Hub) -> None:
    """Of two subscribers to a run the first may leave without harm; after the second nobody asks for its changes any more."""
    create(store)
    create(store, "other")
    first, second, other = (hub.watch_run(run_id) for run_id in ("run", "run", "other"))
    for states in (first, second, other):
        await take(states)

    await first.aclose()
    store.claim("run")
    seen = await take(second)
    await second.aclose()

    assert seen.version == 2
    await asyncio.to_thread(wait_until, lambda: place.topics() == {run_topic("other")}, "only the other topic is left")
    await other.aclose()


async def test_a_stream_that_was_never_started_is_nothing(hub: Hub) -> None:
    """Making an iterator and dropping it starts no thread."""
    states = hub.watch_run("run")

    await states.aclose()

    assert not hub_threads()


async def test_coming_back_at_once_is_served(store: Store, hub: Hub) -> None:
    """A subscriber that leaves and returns while its topic is being detached gets its state, each time."""
    create(store)
    # Keeps the link open, so that each round meets the same one.
    other = asyncio.ensure_future(collect(hub.watch_all("nobody")))

    for _ in range(100):
        states = hub.watch_run("run")
        assert (await take(states)).version == 1
        await states.aclose()

    states = hub.watch_run("run")
    await take(states)
    store.claim("run")
    assert (await take(states)).version == 2
    await states.aclose()
    other.cancel()


def test_a_loop_that_died_is_forgotten(place: Place, store: Store, hub: Hub) -> None:
    """An event loop that was closed without a word stops nobody else's stream, and its topic goes."""
    create(store)
    create(store, "other")
    loop = asyncio.new_event_loop()
    states = hub.watch_run("run")
    loop.run_until_complete(take(states))
    loop.close()

    end(store)

    end(store, "other")
    assert hub.wait("other", SECONDS).is_terminal
    wait_until(lambda: run_topic("run") not in place.topics(), "the dead subscriber's topic is detached")
    # Its registration is gone; what is left is a generator that no loop will ever run.
    with contextlib.suppress(StopIteration):
        states.aclose().send(None)


async def test_closing_ends_who_watches(store: Store, hub: Hub) -> None:
    """Whoever watches when the hub is closed fails, closing again is harmless, and watching again works."""
    create(store)
    states = hub.watch_run("run")
    await take(states)

    await asyncio.to_thread(hub.close)
    await asyncio.to_thread(hub.close)

    with pytest.raises(StoreUnavailableError):
        await take(states)
    again = hub.watch_run("run")
    assert (await take(again)).version == 1
    await again.aclose()
