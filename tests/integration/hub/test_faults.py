"""The hub when the link to Redis loses messages, breaks, hangs or goes away."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import timedelta

import pytest
import redis

from strawberry_tasks.hub import Hub
from strawberry_tasks.snapshot import Snapshot
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import Change, Changed, Confirmed, Feed, NewRun, Store
from strawberry_tasks.stores.memory import MemoryStore
from strawberry_tasks.stores.redis import RedisStore
from tests.patience import SECONDS
from tests.processes import wait_until
from tests.servers import Fault, Proxy, RedisServer

HOUR = timedelta(hours=1)


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    """What the worker writes to: straight to the server."""
    store = RedisStore(server.url, namespace="test", result_ttl=HOUR)
    yield store
    store.close()


@pytest.fixture
def hub(proxy: Proxy) -> Iterator[Hub]:
    """What the web process watches with: through the proxy, and without the slow re-read."""
    store = RedisStore(proxy.url, namespace="test", result_ttl=HOUR)
    hub = Hub(store.feed, reread=HOUR)
    yield hub
    hub.close()
    store.close()


def running(store: Store, run_id: str = "run") -> None:
    store.create(NewRun(id=run_id, name="sync", queue="q", arguments="{}", owner="ann"))
    store.claim(run_id)


def progress(store: Store, percent: float) -> None:
    assert store.apply([Change(run_id="run", attempt=1, values={"progress": percent})]) != [None]


def end(store: Store, run_id: str = "run") -> None:
    assert store.apply([Change(run_id=run_id, attempt=1, values={"status": TaskStatus.COMPLETED})]) != [None]


async def take(states: AsyncGenerator[Snapshot, None]) -> Snapshot:
    async with asyncio.timeout(SECONDS):
        return await anext(states)


async def rest(states: AsyncGenerator[Snapshot, None]) -> list[Snapshot]:
    async with asyncio.timeout(SECONDS), contextlib.aclosing(states):
        return [state async for state in states]


def kill_subscribers(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


async def test_a_broken_link_costs_no_state(server: RedisServer, store: RedisStore, hub: Hub) -> None:
    """What changed while the subscription was broken is read after it is back, without a repetition."""
    running(store)
    states = hub.watch_run("run")
    seen = [await take(states)]

    for percent in range(1, 6):
        kill_subscribers(server)
        progress(store, float(percent))
        seen.append(await take(states))
    kill_subscribers(server)
    end(store)
    seen += await rest(states)

    assert [state.version for state in seen] == [2, 3, 4, 5, 6, 7, 8]


async def test_a_restart_is_outlived(server: RedisServer, store: RedisStore, hub: Hub) -> None:
    """Redis crashes and comes back in the midst of a stream, which then goes on to its end."""
    running(store)
    states = hub.watch_run("run")
    await take(states)
    waiting = asyncio.ensure_future(rest(states))

    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    progress(store, 50.0)
    end(store)
    seen = await waiting

    versions = [state.version for state in seen]
    assert versions in ([3, 4], [4])
    assert seen[-1].status is TaskStatus.COMPLETED


async def test_a_hanging_link_is_replaced_without_help(proxy: Proxy, store: RedisStore, hub: Hub) -> None:
    """While the server hangs the hub finds out by its liveness check, and opens a link that works as soon as one does."""
    running(store)
    states = hub.watch_run("run")
    await take(states)
    accepted = proxy.accepted
    proxy.fault = Fault.BLACK_HOLE
    end(store)

    await asyncio.to_thread(wait_until, lambda: proxy.accepted > accepted, "the hub tries again", SECONDS)
    proxy.fault = Fault.PASS

    assert [state.version for state in await rest(states)] == [3]


async def test_subscribers_wait_for_a_store_that_is_away(proxy: Proxy, store: RedisStore, hub: Hub) -> None:
    """Who comes while Redis cannot be reached gets the state once it can."""
    running(store)
    proxy.fault = Fault.REFUSE
    proxy.cut()
    states = hub.watch_run("run")
    first = asyncio.ensure_future(take(states))
    done, _ = await asyncio.wait([first], timeout=0.2)
    assert not done

    proxy.fault = Fault.PASS

    assert (await first).version == 2
    end(store)
    assert [state.version for state in await rest(states)] == [3]


class _DeafFeed:
    """A feed that confirms topics, and then loses every notice."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.connect, self.attach, self.detach = feed.connect, feed.attach, feed.detach
        self.read, self.aclose = feed.read, feed.aclose

    async def receive(self) -> Confirmed | Changed:
        while True:
            event = await self._feed.receive()
            if isinstance(event, Confirmed):
                return event


async def test_lost_messages_are_made_up_for() -> None:
    """Without a single notice the slow re-read still brings the states, the end, and that a run is gone."""
    store = MemoryStore(result_ttl=HOUR)
    hub = Hub(lambda: _DeafFeed(store.feed()), reread=timedelta(milliseconds=10))
    running(store)
    store.create(NewRun(id="gone", name="sync", queue="q", arguments="{}"))
    states, gone = hub.watch_run("run"), hub.watch_run("gone")
    await take(states)
    await take(gone)

    progress(store, 1.0)
    middle = await take(states)
    end(store)
    last = await rest(states)
    store.discard("gone")

    assert (middle.version, [state.version for state in last]) == (3, [4])
    with pytest.raises(Exception, match="no task with the id"):
        await take(gone)
    await asyncio.to_thread(hub.close)


class _StaleFeed:
    """A feed whose reads go back in time, as those of a server restored from an older copy do."""

    def __init__(self, feed: Feed, answers: list[Snapshot]) -> None:
        self.connect, self.attach, self.detach = feed.connect, feed.attach, feed.detach
        self.receive, self.aclose = feed.receive, feed.aclose
        self._answers = answers

    async def read(self, run_ids: Sequence[str]) -> list[Snapshot | None]:
        return [self._answers.pop(0) if len(self._answers) > 1 else self._answers[0] for _ in run_ids]


async def test_no_older_state_follows_a_newer_one() -> None:
    """States that are read out of order are dropped; only the end comes through, whatever its version."""

    def state(version: int, status: TaskStatus = TaskStatus.RUNNING) -> Snapshot:
        return Snapshot(id="run", name="sync", queue="q", status=status, version=version)

    answers = [state(5), state(3), state(5), state(6), state(4), state(4, TaskStatus.FAILED)]
    store = MemoryStore(result_ttl=HOUR)
    hub = Hub(lambda: _StaleFeed(store.feed(), answers), reread=timedelta(milliseconds=5))

    seen = await rest(hub.watch_run("run"))

    versions = [state.version for state in seen]
    assert versions in ([5, 6, 4], [6, 4], [5, 4], [4])
    assert seen[-1].status is TaskStatus.FAILED
    await asyncio.to_thread(hub.close)


class _BrokenFeed:
    """A feed with a defect that nobody foresaw."""

    def __init__(self, feed: Feed) -> None:
        self.attach, self.detach, self.receive = feed.attach, feed.detach, feed.receive
        self.read, self.aclose = feed.read, feed.aclose

    async def connect(self) -> None:
        raise ZeroDivisionError


async def test_a_defect_does_not_silence_the_hub(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error is logged with its traceback, and the hub tries again."""
    store = MemoryStore(result_ttl=HOUR)
    feeds = iter([_BrokenFeed(store.feed()), store.feed()])
    hub = Hub(lambda: next(feeds))
    running(store)

    state = await take(hub.watch_run("run"))

    assert state.version == 2
    assert "ZeroDivisionError" in caplog.text
    await asyncio.to_thread(hub.close)


FORK = """
import os, sys, threading
from datetime import timedelta
from strawberry_tasks.hub import Hub
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores import open_store
from strawberry_tasks.stores.base import Change, NewRun

store = open_store(sys.argv[1], namespace=sys.argv[2], result_ttl=timedelta(seconds=10))
hub = Hub(store.feed, reread=timedelta(hours=1))

def run(name):
    store.create(NewRun(id=name, name="n", queue="q", arguments="{}"))
    store.claim(name)
    end = lambda: store.apply([Change(run_id=name, attempt=1, values={"status": TaskStatus.COMPLETED})])
    threading.Timer(0.1, end).start()
    assert hub.wait(name, 5).is_terminal

run("before")
child = os.fork()
for number in range(3):
    run(f"{'parent' if child else 'child'}-{number}")
if child:
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    run("after")
    sys.exit(status)
"""


def test_a_forked_child_has_its_own_hub(redis_url: str, namespace: str) -> None:
    """After a fork, parent and child both go on watching, each over a link of its own."""
    done = subprocess.run(
        [sys.executable, "-c", FORK, redis_url, namespace], timeout=60, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


async def test_a_thousand_subscribers_share_one_link(redis_url: str, namespace: str) -> None:
    """1,000 subscribers to 100 runs: one subscription connection, and everybody gets the end of their run, once."""
    store = RedisStore(redis_url, namespace=namespace, result_ttl=HOUR)
    hub = Hub(store.feed, reread=HOUR)
    names = [f"run-{number}" for number in range(100)]
    for name in names:
        running(store, name)
    watched = [(name, hub.watch_run(name)) for name in names for _ in range(10)]
    await asyncio.gather(*(take(states) for _, states in watched))

    with redis.Redis.from_url(redis_url) as client:
        links = [link for link in client.client_list("pubsub") if link["name"] == f"{namespace}:feed"]
    store.apply([Change(run_id=name, attempt=1, values={"status": TaskStatus.COMPLETED}) for name in names])
    ends = await asyncio.gather(*(rest(states) for _, states in watched))

    assert len(links) == 1
    assert all(len(end) == 1 and end[0].is_terminal for end in ends)
    assert [end[0].id for end in ends] == [name for name, _ in watched]
    await asyncio.to_thread(hub.close)
    store.close()
