"""Records that cannot be read: damaged, cut, of another type, or of another version of the package."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import timedelta

import pytest
import redis

from strawberry_tasks.errors import StoreUnavailableError, TaskUnreadableError
from strawberry_tasks.hub import Hub
from strawberry_tasks.snapshot import Snapshot
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import AttemptId, Change, Lease, Limit, NewRun, Store
from strawberry_tasks.stores.redis import RedisStore
from tests.patience import SECONDS
from tests.processes import wait_until

HOUR = timedelta(hours=1)

Spoil = Callable[[redis.Redis, str], object]
"""Damages the record at a key."""


def field(name: str, value: str | bytes | None) -> Spoil:
    """Give a field another value, or take it out."""
    if value is None:
        return lambda client, key: client.hdel(key, name)
    return lambda client, key: client.hset(key, name, value)


def in_its_place(client: redis.Redis, key: str) -> None:
    """Put a text where the hash was."""
    client.set(key, "nothing", px=60_000)


UNREADABLE: dict[str, Spoil] = {
    "another version's status": field("status", "EXPLODED"),
    "no status": field("status", None),
    "no version": field("version", None),
    "no id": field("id", None),
    "no name": field("name", None),
    "no queue": field("queue", None),
    "no creation": field("created_at", None),
    "a version that is no number": field("version", "abc"),
    "a version that is too large": field("version", "9" * 30),
    "an attempt that is no number": field("attempt", "first"),
    "progress without an end": field("progress", "inf"),
    "cut JSON": field("claims", '{"tenant": "a'),
    "other JSON": field("claims", "[]"),
    "JSON without an end": field("claims", "[" * 100_000),
    "a number that JSON does not know": field("claims", '{"a": NaN}'),
    "other tags": field("tags", "[1]"),
    "a time without end": field("created_at", "9" * 40),
    "no UTF-8": field("status", b"\xff\xfe"),
    "the record of another run": field("id", "other"),
    "another type": in_its_place,
}


def new_run(run_id: str, owner: str | None = None) -> NewRun:
    return NewRun(id=run_id, name="n", queue="q", arguments="{}", owner=owner)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """What does the damage."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def store(redis_url: str, namespace: str) -> Iterator[RedisStore]:
    """A store with a run that is fine."""
    store = RedisStore(redis_url, namespace=namespace, result_ttl=HOUR)
    store.create(new_run("good", owner="ann"))
    yield store
    store.close()


@pytest.fixture(params=UNREADABLE)
def bad(request: pytest.FixtureRequest, client: redis.Redis, store: RedisStore, namespace: str) -> str:
    """The id of a run whose record cannot be read."""
    store.create(new_run("bad", owner="ann"))
    UNREADABLE[request.param](client, f"{namespace}:run:bad")
    return "bad"


def test_it_is_told_as_such(store: RedisStore, bad: str) -> None:
    """An error stands in its place, and the others are read."""
    damaged, fine, absent = store.read([bad, "good", "absent"])

    assert isinstance(damaged, TaskUnreadableError)
    assert (damaged.run_id, damaged.extensions) == (bad, {"code": "TASK_UNREADABLE"})
    assert isinstance(fine, Snapshot)
    assert absent is None
    with pytest.raises(TaskUnreadableError):
        store.load(bad)


@pytest.mark.parametrize("failure", ['{"code": 1}', "[1,2,3,4]", '["A"', '["A","b",null]', "null"])
def test_a_failure_of_another_form_is_told(
    store: RedisStore, client: redis.Redis, namespace: str, failure: str
) -> None:
    """Until something takes its place: a cancel drops it."""
    client.hset(f"{namespace}:run:good", "failure", failure)

    assert isinstance(store.read(["good"])[0], TaskUnreadableError)
    assert store.cancel("good") is not None


def test_no_attempt_of_it_begins(store: RedisStore, client: redis.Redis, namespace: str, bad: str) -> None:
    """Whoever asks for one learns why, and nothing is left leased; the others are claimed."""
    with pytest.raises(TaskUnreadableError):
        store.claim(bad, token="t")

    assert store.claim("good") is not None
    assert client.zscore(f"{namespace}:leases", bad) is None


def test_to_cancel_it_is_refused(store: RedisStore, bad: str) -> None:
    """With what is the matter."""
    with pytest.raises(TaskUnreadableError):
        store.cancel(bad)


def test_lists_leave_it_out(store: RedisStore, bad: str) -> None:
    """Of its owner as of everybody; the page tells what is missing."""
    for owner in ("ann", None):
        page = store.list(owner=owner, first=10)

        assert [run.id for run in page.runs] == ["good"]
        assert [error.run_id for error in page.unreadable] == [bad]


def test_a_list_goes_on_behind_a_page_of_them(store: RedisStore, client: redis.Redis, namespace: str) -> None:
    """Nothing is listed twice, and nothing is lost, where a whole page cannot be read."""
    for number in range(3):
        store.create(new_run(f"bad-{number}"))
        client.hset(f"{namespace}:run:bad-{number}", "status", "EXPLODED")

    pages = [store.list(owner=None, first=2)]
    while pages[-1].cursor is not None:
        pages.append(store.list(owner=None, first=2, after=pages[-1].cursor))

    assert [run.id for page in pages for run in page.runs] == ["good"]
    assert [error.run_id for page in pages for error in page.unreadable] == ["bad-2", "bad-1", "bad-0"]


def test_the_log_tells_of_it_once(store: RedisStore, bad: str, caplog: pytest.LogCaptureFixture) -> None:
    """However often it is read."""
    for _ in range(5):
        store.read([bad])
        store.list(owner=None, first=10)

    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert bad in line.getMessage()


async def test_its_watchers_learn_it_and_only_they(store: RedisStore, bad: str) -> None:
    """The link stays: who watches another run, or many, hears of them."""
    hub = Hub(store.feed, reread=timedelta(minutes=5))
    async with asyncio.timeout(SECONDS):
        async with aclosing(hub.watch_run("good")) as states, aclosing(hub.watch_all("ann")) as all_states:
            await anext(states)
            news = asyncio.ensure_future(anext(all_states))
            with pytest.raises(TaskUnreadableError):
                await anext(hub.watch_run(bad))

            while not news.done():
                store.create(new_run(f"run-{len(store.list(owner='ann', first=100).runs)}", owner="ann"))
                await asyncio.wait([news], timeout=0.05)
            store.cancel("good")

            assert (await anext(states)).status is TaskStatus.CANCELED
    hub.close()


def test_it_can_be_removed(store: RedisStore, client: redis.Redis, namespace: str, bad: str) -> None:
    """Nothing of it stays."""
    assert store.forget(bad)
    assert not store.forget(bad)

    assert store.read([bad]) == [None]
    assert store.list(owner=None, first=10).unreadable == []
    assert client.zscore(f"{namespace}:runs", bad) is None


def test_a_sweep_goes_on(redis_url: str, client: redis.Redis, namespace: str) -> None:
    """Leases that lapse of runs that cannot be read keep no other from being taken, and a place that one had is free."""
    store = RedisStore(redis_url, namespace=namespace, result_ttl=HOUR, lease=timedelta(milliseconds=100))
    for run_id in ("bad", "lapsed", "waits"):
        store.create(NewRun(id=run_id, name="n", queue="q", arguments="{}", limit=Limit("g", 2)))
    assert store.claim("bad")
    assert store.claim("lapsed")
    client.hset(f"{namespace}:run:bad", "status", "EXPLODED")
    client.zadd(f"{namespace}:leases", {"bad": 0, "lapsed": 1})
    client.hset(f"{namespace}:pulse", mapping={"grace": 0})

    assert [record.snapshot.id for record in store.sweep()] == ["lapsed"]

    assert hasattr(store.claim("waits"), "snapshot")
    store.close()


def test_an_attempt_of_it_is_lost(store: RedisStore, client: redis.Redis, namespace: str) -> None:
    """What it writes is refused, and its worker is told to stop; those of others are renewed."""
    store.create(new_run("bad"))
    assert store.claim("bad")
    assert store.claim("good")
    client.hset(f"{namespace}:run:bad", "version", "abc")

    assert store.renew([AttemptId("bad", 1), AttemptId("good", 1)]) == [Lease.LOST, Lease.HELD]
    changes = [Change(run_id=run_id, attempt=1, values={"progress": 50.0}) for run_id in ("bad", "good")]
    assert store.apply(changes) == [None, 3]


@pytest.mark.parametrize(
    "index", ["runs", "kept", "owner:ann", "expiring", "leases", "pulse", "key:n:k", "limit:g", "waiting:g"]
)
def test_an_index_of_another_type_stops_nobody(
    store: RedisStore, client: redis.Redis, namespace: str, index: str
) -> None:
    """It is put aside, where it expires, and runs are enqueued, claimed, ended and listed as ever."""
    client.set(f"{namespace}:{index}", "nothing") if index in {"pulse", "runs"} else client.delete(
        f"{namespace}:{index}"
    )
    client.delete(f"{namespace}:{index}")
    client.rpush(f"{namespace}:{index}", "nothing")
    run = NewRun(id="new", name="n", queue="q", arguments="{}", owner="ann", key="k", limit=Limit("g", 1), expires=HOUR)

    assert store.create(run).id == "new"
    assert store.claim("new") is not None
    assert store.renew([AttemptId("new", 1)]) == [Lease.HELD]
    assert store.apply([Change(run_id="new", attempt=1, values={"status": TaskStatus.COMPLETED})]) == [3]
    assert store.sweep() == []
    assert "new" in [run.id for run in store.list(owner="ann", first=10).runs]
    assert client.type(f"{namespace}:{index}") != b"list"


@pytest.mark.parametrize("member", ["", " ", "nonsense", "a b c", b"\xff"])
def test_a_member_that_is_no_run_stops_nobody(
    store: RedisStore, client: redis.Redis, namespace: str, member: str | bytes
) -> None:
    """It leaves the index of kept runs, and is passed over in the others."""
    for index in ("kept", "runs", "owner:ann", "leases", "expiring"):
        client.zadd(f"{namespace}:{index}", {member: 1})

    assert store.create(new_run("new")).id == "new"
    assert store.sweep() == []
    assert {run.id for run in store.list(owner=None, first=10).runs} == {"good", "new"}
    assert client.zscore(f"{namespace}:kept", member) is None


@pytest.mark.parametrize("value", ["abc", "nan", "inf", "-inf", "1e300", "-1", "", b"\xff"])
def test_a_pulse_that_makes_no_sense_stops_nobody(
    redis_url: str, client: redis.Redis, namespace: str, value: str | bytes
) -> None:
    """It is a number of milliseconds, and none that lies far ahead."""
    store = RedisStore(redis_url, namespace=namespace, result_ttl=HOUR, lease=timedelta(milliseconds=100))
    store.create(new_run("good"))
    for name in ("heard", "grace", "begun", "renewed"):
        client.hset(f"{namespace}:pulse", name, value)

    assert store.claim("good") is not None
    assert store.renew([AttemptId("good", 1)]) == [Lease.HELD]
    wait_until(lambda: [record.snapshot.id for record in store.sweep()] == ["good"], "the attempt is lost")
    store.close()


@pytest.mark.parametrize("value", ["abc", "1e300", "-5", b"\xff"])
def test_a_fire_that_makes_no_sense_stops_no_scheduler(
    store: RedisStore, client: redis.Redis, namespace: str, value: str | bytes
) -> None:
    """The schedule begins anew, as if it was first asked for now."""
    client.hset(f"{namespace}:schedules", "nightly", value)

    now, (state, _) = store.schedules(["nightly", "other"])

    assert state.last == now


def test_a_record_that_would_stay_for_ever_expires(store: RedisStore, client: redis.Redis, namespace: str) -> None:
    """Also one whose expiry somebody has taken away."""
    client.persist(f"{namespace}:run:good")
    client.zadd(f"{namespace}:kept", {"good ann": 1})

    store.sweep()

    assert client.pttl(f"{namespace}:run:good") > 0


def test_a_key_does_not_lead_to_another_run(store: RedisStore, client: redis.Redis, namespace: str) -> None:
    """Whoever enqueues with a key gets a run of that task and key, whatever stands there."""
    client.set(f"{namespace}:key:n:k", "good", px=60_000)

    assert store.create(NewRun(id="new", name="n", queue="q", arguments="{}", key="k")).id == "new"


def test_a_key_whose_run_cannot_be_read_is_told(store: RedisStore, client: redis.Redis, namespace: str) -> None:
    """Nobody knows whether it is live: a second one is not started."""
    store.create(NewRun(id="bad", name="n", queue="q", arguments="{}", key="k"))
    client.hset(f"{namespace}:run:bad", "status", "EXPLODED")

    with pytest.raises(TaskUnreadableError, match="bad"):
        store.create(NewRun(id="new", name="n", queue="q", arguments="{}", key="k"))

    assert store.read(["new"]) == [None]


async def test_a_notice_of_another_version_is_understood(
    store: RedisStore, client: redis.Redis, namespace: str
) -> None:
    """A longer one, and for the watchers of one run any: they read it."""
    hub = Hub(store.feed, reread=timedelta(minutes=5))
    async with asyncio.timeout(SECONDS), aclosing(hub.watch_run("good")) as states:
        await anext(states)
        for notice in (b"\xff", "good", "", '{"run": "good"}'):
            client.hincrby(f"{namespace}:run:good", "version", 1)
            client.publish(f"{namespace}:all", notice)
            client.publish(f"{namespace}:run:good", notice)
            await anext(states)
        client.hincrby(f"{namespace}:run:good", "version", 1)
        client.publish(f"{namespace}:run:good", "good 6 COMPLETED")
        await anext(states)
    hub.close()


@pytest.mark.parametrize(
    "words", [("EVAL", "return redis.call('INCR', KEYS[1], 1)", 1, "k"), ("GET",), ("NOSUCH", "k")]
)
def test_what_the_server_refuses_is_one_of_our_errors(store: RedisStore, words: tuple[str | int, ...]) -> None:
    """With its text for operators alone."""
    (answer,) = store._connections.exchange([words], repeatable=True)

    assert isinstance(answer, StoreUnavailableError)
    assert "Lua" not in answer.message
    assert answer.message == "The task store cannot be reached. Try again."


def test_the_memory_store_is_no_different(caplog: pytest.LogCaptureFixture) -> None:
    """What it cannot read, it tells likewise."""
    from strawberry_tasks.stores.memory import MemoryStore  # noqa: PLC0415

    store = MemoryStore(result_ttl=HOUR)
    for run_id in ("good", "bad"):
        store.create(new_run(run_id))
    store._records["bad"].fields["status"] = "EXPLODED"
    as_port: Store = store

    damaged, fine = as_port.read(["bad", "good"])
    assert isinstance(damaged, TaskUnreadableError)
    assert isinstance(fine, Snapshot)
    assert [run.id for run in as_port.list(owner=None, first=10).runs] == ["good"]
    assert as_port.sweep() == []
    with pytest.raises(TaskUnreadableError):
        as_port.claim("bad")
    assert as_port.apply([Change(run_id="bad", attempt=1, values={"progress": 1.0})]) == [None]
    assert as_port.renew([AttemptId("bad", 1)]) == [Lease.LOST]
    assert as_port.forget("bad")
    assert as_port.read(["bad"]) == [None]
    assert caplog.text.count("bad") == 1
