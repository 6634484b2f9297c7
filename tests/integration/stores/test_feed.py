"""What the feed of every store promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from strawberry_tasks.errors import StoreUnavailableError
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import (
    ALL_TOPIC,
    Change,
    Changed,
    Confirmed,
    Feed,
    NewRun,
    Store,
    owner_topic,
    run_topic,
)
from tests.patience import SECONDS


@pytest.fixture
async def feed(store: Store) -> AsyncIterator[Feed]:
    """A connected feed of each kind of store."""
    feed = store.feed()
    await feed.connect()
    yield feed
    await feed.aclose()


async def attach(feed: Feed, *topics: str) -> None:
    await feed.attach(*topics)
    confirmed = {await receive(feed) for _ in topics}
    assert confirmed == {Confirmed(topic) for topic in topics}


async def receive(feed: Feed) -> Confirmed | Changed:
    async with asyncio.timeout(SECONDS):
        return await feed.receive()


def new_run(run_id: str = "run", owner: str | None = "ann") -> NewRun:
    return NewRun(id=run_id, name="sync", queue="q", arguments="{}", owner=owner)


async def test_every_topic_is_confirmed(feed: Feed) -> None:
    """Each topic that was asked for is confirmed by its own name, also when it is attached already."""
    await attach(feed, run_topic("a"), ALL_TOPIC)

    await feed.attach(ALL_TOPIC)

    assert await receive(feed) == Confirmed(ALL_TOPIC)


async def test_every_change_is_told_on_its_topics(store: Store, feed: Feed) -> None:
    """A change of an owned run is told to those who follow the run, its owner, or everything, with its version."""
    topics = [run_topic("run"), owner_topic("ann"), ALL_TOPIC]
    await attach(feed, *topics)

    store.create(new_run())
    store.claim("run")
    store.apply([Change(run_id="run", attempt=1, values={"progress": 1.0})])
    store.apply([Change(run_id="run", attempt=1, values={"status": TaskStatus.COMPLETED})])
    events = [await receive(feed) for _ in range(12)]

    for topic in topics:
        told = [event for event in events if event.topic == topic]
        assert told == [Changed(topic=topic, run_id="run", version=version) for version in (1, 2, 3, 4)]


async def test_refused_changes_are_not_told(store: Store, feed: Feed) -> None:
    """What changes nothing is no news; a discarded run is."""
    store.create(new_run())
    await attach(feed, ALL_TOPIC)

    store.create(new_run())
    store.apply([Change(run_id="run", attempt=1, values={"progress": 1.0})])
    store.discard("run")

    assert await receive(feed) == Changed(topic=ALL_TOPIC, run_id="run", version=2)
    assert await feed.read(["run"]) == [None]


async def test_other_topics_are_not_told(store: Store, feed: Feed) -> None:
    """A feed hears of nothing that it did not attach, or has detached."""
    await attach(feed, run_topic("mine"), run_topic("left"), owner_topic("bob"))
    await feed.detach(run_topic("left"))
    await attach(feed, run_topic("last"))

    for run_id in ("left", "other", "mine"):
        store.create(new_run(run_id))

    assert await receive(feed) == Changed(topic=run_topic("mine"), run_id="mine", version=1)


async def test_a_detached_topic_can_be_attached_again(store: Store, feed: Feed) -> None:
    """After leaving, coming back is confirmed anew, and changes are told again."""
    topic = run_topic("run")
    await attach(feed, topic)

    await feed.detach(topic)
    await attach(feed, topic)
    store.create(new_run())

    assert await receive(feed) == Changed(topic=topic, run_id="run", version=1)


async def test_a_feed_reads_states(store: Store, feed: Feed) -> None:
    """A feed reads what the store would, in the order of the ids."""
    run = store.create(new_run("a b\n🍓"))

    assert await feed.read(["nobody", run.id]) == [None, run]
    assert await feed.read([]) == []


async def test_a_closed_feed_says_so(store: Store) -> None:
    """Receiving from a feed that was closed fails instead of waiting for ever; closing twice is harmless."""
    feed = store.feed()
    await feed.connect()

    await feed.aclose()
    await feed.aclose()

    with pytest.raises(StoreUnavailableError):
        await receive(feed)
