"""What one connection has in hand is bounded; so is the number of a viewer's subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing
from typing import Any

import pytest
import strawberry

from strawberry_tasks import OwnerPolicy, Schema, Snapshot, Tasks, Viewer
from strawberry_tasks.errors import ConfigurationError, TooManySubscriptionsError
from strawberry_tasks.schema.places import Places
from strawberry_tasks.schema.unsent import MAX_UNSENT, Hand, Unsent
from strawberry_tasks.testing import SubscriptionError, inline, recorded, subscribe
from tests.operations import Person, execute
from tests.patience import SECONDS

BIG = MAX_UNSENT // 4 - 2
ANN = Person()
WATCH = "subscription ($id: ID!) { taskProgress(taskId: $id) { id result } }"
Stream = AsyncGenerator[dict[str, Any], None]


class OpenPolicy(OwnerPolicy):
    """Shows everybody's runs to everybody."""

    def may_see(self, viewer: Viewer, run: Snapshot) -> bool:
        """Say yes."""
        return True


@strawberry.type
class Query:
    """Nothing."""

    nothing: None = None


def shop(**settings: Any) -> tuple[Tasks, Schema]:
    """Return a schema with a task whose result is large."""
    tasks = Tasks("memory://", policy=OpenPolicy(), **settings)

    @tasks.mutation()
    def grow() -> str:
        return "x" * BIG

    return tasks, Schema(query=Query, extensions=[tasks.extension])


def grow(schema: Schema, user: object = ANN) -> str:
    """Start a run."""
    return str(execute(schema, "mutation { grow { id } }", user=user)["grow"]["id"])


@pytest.fixture
def grown() -> Iterator[Callable[..., Stream]]:
    """Makes subscriptions, by their context, to a run that has ended with a large result."""
    tasks, schema = shop()
    with inline(tasks):
        run_id = grow(schema)

        def watch(context: object, document: str = WATCH) -> Stream:
            return subscribe(schema, document, {"id": run_id}, context)

        yield watch


async def settle(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - other threads decide
            await asyncio.sleep(0.005)


async def test_a_connection_that_sends_nothing_gets_no_more(grown: Callable[..., Stream]) -> None:
    """Some of its subscriptions have their event in hand; the others wait until those are sent, and all come in the end."""
    context = {"user": Person()}
    streams = [grown(context) for _ in range(12)]
    first = [asyncio.create_task(anext(stream)) for stream in streams]

    await settle(lambda: sum(task.done() for task in first) == 4)
    other = await asyncio.wait_for(anext(grown({"user": Person()})), SECONDS)
    assert len(other["taskProgress"]["result"]) == BIG
    assert sum(task.done() for task in first) == 4

    for came in (8, 12):
        for stream, task in zip(streams, first, strict=True):
            if task.done():
                await anext(stream, None)
        await settle(lambda came=came: sum(task.done() for task in first) == came)  # type: ignore[misc]
    assert {len(task.result()["taskProgress"]["result"]) for task in first} == {BIG}


async def test_who_leaves_makes_room(grown: Callable[..., Stream]) -> None:
    """A subscription that is ended has nothing in hand, and neither has one that is ended while it waits."""
    context = {"user": Person()}
    streams = [grown(context) for _ in range(9)]
    first = [asyncio.create_task(anext(stream)) for stream in streams]
    await settle(lambda: sum(task.done() for task in first) == 4)

    waiting = next(task for task in first if not task.done())
    waiting.cancel()
    for stream, task in zip(streams, first, strict=True):
        if task.done() and not task.cancelled():
            await stream.aclose()

    await settle(lambda: sum(task.done() and not task.cancelled() for task in first) == 8)


async def test_what_selects_no_result_waits_for_none(grown: Callable[..., Stream]) -> None:
    """Only results are counted."""
    context = {"user": Person()}
    full = [grown(context) for _ in range(4)]
    await asyncio.gather(*map(anext, full))

    event = await asyncio.wait_for(anext(grown(context, WATCH.replace("result", "status"))), SECONDS)

    assert event["taskProgress"]["status"] == "COMPLETED"


async def test_one_that_is_larger_goes_alone() -> None:
    """It waits until nothing else is in hand, and what comes after it does not overtake."""
    unsent = Unsent()
    await unsent.take(1)
    large, small = asyncio.create_task(unsent.take(2 * MAX_UNSENT)), asyncio.create_task(unsent.take(1))
    await asyncio.sleep(0)
    assert not large.done()

    unsent.give(1)
    await large
    assert not small.done()

    unsent.give(2 * MAX_UNSENT)
    await small


async def test_an_event_is_in_hand_once() -> None:
    """Its fields are resolved together, and one that comes after it was dropped takes nothing along."""
    unsent = Unsent()
    hand = Hand(unsent)
    await asyncio.gather(hand.take(MAX_UNSENT), hand.take(MAX_UNSENT))
    hand.drop()
    await hand.take(MAX_UNSENT)

    await asyncio.wait_for(unsent.take(MAX_UNSENT), SECONDS)


async def end(event: asyncio.Task[Any], stream: Stream) -> None:
    """Close a stream, whether or not its next event has come."""
    event.cancel()
    await asyncio.wait([event])
    await stream.aclose()


async def refused(stream: Stream) -> list[str]:
    """Return the codes with which a subscription is refused."""
    with pytest.raises(SubscriptionError) as caught:
        await anext(stream)
    return caught.value.codes


@pytest.mark.parametrize("watch", ["taskUpdated", "taskProgress(taskId: $id)", "taskUpdated(taskId: $id)"])
async def test_a_viewer_has_so_many_subscriptions(watch: str) -> None:
    """One more is refused with a code; one that is ended, by whoever, makes room; another viewer has as many."""
    tasks, schema = shop(max_subscriptions=3)
    with recorded(tasks):
        run_id = await asyncio.to_thread(grow, schema)
        arguments = "($id: ID!)" if "$" in watch else ""

        def subscription(who: Person) -> Stream:
            document = f"subscription {arguments} {{ {watch} {{ id }} }}"
            return subscribe(schema, document, {"id": run_id} if arguments else {}, {"user": who})

        async with AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(aclosing(subscription(Person()))) for _ in range(3)]
            events = [asyncio.create_task(anext(stream)) for stream in streams]
            await settle(lambda: sum(tasks.registry.places.taken.values()) == 3)

            assert await refused(subscription(Person())) == ["TOO_MANY_SUBSCRIPTIONS"]

            streams.append(await stack.enter_async_context(aclosing(subscription(Person(pk=2)))))
            events.append(asyncio.create_task(anext(streams[-1])))
            await settle(lambda: tasks.registry.places.taken == {"1": 3, "2": 1})
            await end(events[0], streams[0])
            await settle(lambda: tasks.registry.places.taken == {"1": 2, "2": 1})
            for event, stream in zip(events, streams, strict=True):
                await end(event, stream)
        assert tasks.registry.places.taken == {}


async def test_those_of_nobody_are_counted_by_connection() -> None:
    """Who is not signed in is told apart by that alone."""
    tasks, schema = shop(max_subscriptions=1)
    with recorded(tasks):
        run_id = await asyncio.to_thread(grow, schema, None)
        here, there = {"user": None}, {"user": None}
        streams = [subscribe(schema, WATCH, {"id": run_id}, context) for context in (here, there)]
        await asyncio.gather(*map(anext, streams))

        assert await refused(subscribe(schema, WATCH, {"id": run_id}, here)) == ["TOO_MANY_SUBSCRIPTIONS"]
        for stream in streams:
            await stream.aclose()


def test_a_stream_that_is_never_read_takes_no_place_for_long() -> None:
    """It does not end, since it has not begun."""
    places = Places(1)
    place = places.take("ann")
    with pytest.raises(TooManySubscriptionsError):
        places.take("ann")

    del place

    places.take("ann").close()
    assert places.taken == {}


def test_a_number_that_cannot_be() -> None:
    """Nobody could watch."""
    with pytest.raises(ConfigurationError, match="max_subscriptions"):
        Tasks("memory://", max_subscriptions=0)
