"""What subscribers of the hub are promised, over every kind of store."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from strawberry_tasks.errors import TaskNotFoundError
from strawberry_tasks.hub import Hub
from strawberry_tasks.snapshot import Snapshot
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import ALL_TOPIC, Store, owner_topic
from tests.integration.hub.watching import SECONDS, STEPS, Place, change, collect, create, end, take
from tests.processes import wait_until


@pytest.mark.parametrize("joins_at", range(1, len(STEPS) + 1))
async def test_whoever_joins_sees_the_present_then_the_rest(store: Store, hub: Hub, joins_at: int) -> None:
    """At whichever step a subscriber comes: the present state first, each newer one once, the terminal one last, the end."""
    steps = iter(STEPS)
    for _ in range(joins_at):
        next(steps)(store)

    seen = []
    async with asyncio.timeout(SECONDS):
        async for state in hub.watch_run("run"):
            seen.append(state)
            if step := next(steps, None):
                step(store)

    assert [state.version for state in seen] == list(range(joins_at, len(STEPS) + 1))
    assert [state.is_terminal for state in seen] == [False] * (len(STEPS) - joins_at) + [True]
    assert seen[-1] == store.read(["run"])[0]


async def test_an_unknown_run_is_not_found(hub: Hub) -> None:
    """There is nothing to wait for; and an id that no text could be kills nobody's stream."""
    for run_id in ("nobody", "\ud83c", "", "a b\r\n"):
        with pytest.raises(TaskNotFoundError):
            await collect(hub.watch_run(run_id))


async def test_a_run_that_vanishes_is_not_found(store: Store, hub: Hub) -> None:
    """When the record goes while somebody watches, the stream fails instead of waiting for ever."""
    create(store)
    states = hub.watch_run("run")
    await take(states)

    store.discard("run")

    with pytest.raises(TaskNotFoundError):
        await take(states)


async def test_known_states_are_not_repeated(store: Store, hub: Hub) -> None:
    """With ``after`` the stream starts with the first state beyond it."""
    create(store)
    states = hub.watch_run("run", after=1)
    first = asyncio.ensure_future(take(states))
    # Whoever joins later is told later, so that the silence towards the first subscriber is over by then.
    await take(hub.watch_run("run"))
    assert not first.done()

    end(store)

    assert (await first).version > 1
    assert (await collect(states))[-1:] in ([], [store.read(["run"])[0]])


@pytest.mark.parametrize(("after", "versions"), [(2, [3]), (3, []), (9, [])])
async def test_a_known_end_just_completes(store: Store, hub: Hub, after: int, versions: list[int]) -> None:
    """A client that comes back after the end gets it, unless it says that it has it."""
    create(store)
    end(store)

    states = await collect(hub.watch_run("run", after=after))

    assert [state.version for state in states] == versions


async def test_a_slow_subscriber_gets_the_latest_and_the_end(store: Store, hub: Hub) -> None:
    """What came while a subscriber was busy is one state, and the end is never lost."""
    create(store)
    store.claim("run")
    states = hub.watch_run("run")
    await take(states)

    for number in range(100):
        change(store, progress=float(number))
    change(store, status=TaskStatus.COMPLETED)
    await hub.await_end("run", SECONDS)
    rest = await collect(states)

    assert len(rest) <= 2
    assert rest[-1].status is TaskStatus.COMPLETED


async def test_a_subscriber_that_never_reads_delays_nobody(store: Store, hub: Hub) -> None:
    """Another one on the same run sees every step meanwhile."""
    create(store)
    store.claim("run")
    stuck = hub.watch_run("run")
    await take(stuck)
    lively = hub.watch_run("run")

    seen = [(await take(lively)).version]
    for number in range(20):
        change(store, progress=float(number))
        seen.append((await take(lively)).version)

    assert seen == list(range(2, 23))
    await stuck.aclose()
    await lively.aclose()


async def test_an_owner_hears_of_all_their_runs(place: Place, store: Store, hub: Hub) -> None:
    """Every change of an owner's runs, of nobody else's, each once, with those of a run in order."""
    states = hub.watch_all("ann")
    first = asyncio.ensure_future(take(states))
    await asyncio.to_thread(wait_until, lambda: owner_topic("ann") in place.topics(), "the owner's topic is attached")

    seen = []
    create(store, "his", owner="bob")
    create(store, "one")
    seen.append(await first)
    create(store, "two")
    seen.append(await take(states))
    end(store, "one")
    while len(seen) < 3 or not seen[-1].is_terminal:
        seen.append(await take(states))

    assert [(state.id, state.version) for state in seen[:2]] == [("one", 1), ("two", 1)]
    assert {state.id for state in seen[2:]} == {"one"}
    assert [state.version for state in seen[2:]] in ([2, 3], [3])
    await states.aclose()


async def test_everybody_means_every_run(place: Place, store: Store, hub: Hub) -> None:
    """Without an owner, runs of all owners and of nobody are told, and each end arrives exactly once."""
    states = hub.watch_all(None)
    first = asyncio.ensure_future(take(states))
    await asyncio.to_thread(wait_until, lambda: ALL_TOPIC in place.topics(), "the topic of all is attached")
    owners = {"a": "ann", "b": "bob", "c": None}

    for run_id, owner in owners.items():
        create(store, run_id, owner)
        end(store, run_id)
    seen = [await first]
    while sum(state.is_terminal for state in seen) < 3:
        seen.append(await take(states))

    assert sorted(state.id for state in seen if state.is_terminal) == ["a", "b", "c"]
    versions = {run_id: [state.version for state in seen if state.id == run_id] for run_id in owners}
    assert all(told == sorted(set(told)) for told in versions.values())
    await states.aclose()


def test_a_plain_thread_can_wait(store: Store, hub: Hub) -> None:
    """`wait` blocks until the run ends, and returns the terminal state."""
    create(store)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(hub.wait, "run", SECONDS)
        end(store)
        state = waiting.result(SECONDS)

    assert state == store.read(["run"])[0]
    assert hub.wait("run", SECONDS) == state


def test_waiting_has_its_limit(store: Store, hub: Hub) -> None:
    """A run that goes on raises after the timeout; one that is not there raises at once."""
    create(store)

    with pytest.raises(TimeoutError, match="run has not ended"):
        hub.wait("run", 0.05)
    with pytest.raises(TaskNotFoundError):
        hub.wait("nobody", SECONDS)


async def test_awaiting_has_its_limit(store: Store, hub: Hub) -> None:
    """The async twin does the same."""
    create(store)

    with pytest.raises(TimeoutError, match="run has not ended"):
        await hub.await_end("run", 0.05)
    with pytest.raises(TaskNotFoundError):
        await hub.await_end("nobody", SECONDS)


def test_two_event_loops_watch_the_same_run(store: Store, hub: Hub) -> None:
    """Each loop, in its own thread, gets the whole stream."""
    create(store)
    store.claim("run")
    both = threading.Barrier(3)

    async def watch() -> list[Snapshot]:
        states = hub.watch_run("run")
        first = await take(states)
        await asyncio.to_thread(both.wait, SECONDS)
        return [first, *await collect(states)]

    with ThreadPoolExecutor(2) as pool:
        watching = [pool.submit(asyncio.run, watch()) for _ in range(2)]
        both.wait(SECONDS)
        change(store, status=TaskStatus.FAILED)
        streams = [future.result(SECONDS) for future in watching]

    assert [[state.version for state in stream] for stream in streams] == [[2, 3], [2, 3]]


def test_a_blocked_loop_delays_nobody_else(store: Store, hub: Hub) -> None:
    """While one event loop hangs, a thread gets its answer; afterwards the loop gets its own."""
    create(store)

    async def watch_and_hang() -> Snapshot:
        states = hub.watch_run("run")
        await take(states)
        end(store)
        # Blocks this event loop, on purpose.
        assert hub.wait("run", SECONDS).is_terminal
        return (await collect(states))[-1]

    assert asyncio.run(watch_and_hang()).is_terminal
