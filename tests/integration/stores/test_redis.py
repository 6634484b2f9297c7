"""What the Redis store promises beyond the others: expiry of every key, and errors when the server is away."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis

from strawberry_tasks.errors import StoreUnavailableError
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import (
    ALL_TOPIC,
    LIVE_TTL,
    AttemptId,
    Change,
    Changed,
    Confirmed,
    Lease,
    NewRun,
    Store,
)
from strawberry_tasks.stores.redis import RedisStore
from tests.patience import SECONDS
from tests.processes import wait_until
from tests.servers import Fault, Proxy, RedisServer

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def new_run(run_id: str = "run", **more: object) -> NewRun:
    return NewRun(**{"id": run_id, "name": "sync", "queue": "q", "arguments": "{}", **more})  # type: ignore[arg-type]


def end(store: Store, run_id: str = "run") -> None:
    store.claim(run_id)
    store.apply([Change(run_id=run_id, attempt=1, values={"status": TaskStatus.COMPLETED})])


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def store(redis_url: str, namespace: str) -> Iterator[RedisStore]:
    store = RedisStore(redis_url, namespace=namespace, result_ttl=HOUR)
    yield store
    store.close()


@pytest.fixture
def proxied(proxy: Proxy) -> Iterator[RedisStore]:
    store = RedisStore(proxy.url, namespace="test", result_ttl=HOUR)
    yield store
    store.close()


def ttl(client: redis.Redis, key: str) -> timedelta:
    return timedelta(milliseconds=client.pttl(key))


def is_about(actual: timedelta, expected: timedelta) -> bool:
    return expected - 2 * MINUTE < actual <= expected


def test_a_live_run_is_kept_beyond_its_delay(store: RedisStore, client: redis.Redis, namespace: str) -> None:
    """The record of a run that has not ended outlives its delay by `LIVE_TTL`."""
    store.create(new_run("now"))
    store.create(new_run("later", delay=30 * DAY))
    store.create(new_run("retried"))
    store.claim("retried")
    store.apply([Change(run_id="retried", attempt=1, values={"status": TaskStatus.RETRYING}, delay=DAY)])

    assert is_about(ttl(client, f"{namespace}:run:now"), LIVE_TTL)
    assert is_about(ttl(client, f"{namespace}:run:later"), LIVE_TTL + 30 * DAY)
    assert is_about(ttl(client, f"{namespace}:run:retried"), LIVE_TTL + DAY)


def test_an_ended_run_is_kept_for_its_result(store: RedisStore, client: redis.Redis, namespace: str) -> None:
    """The record of a run that has ended goes after ``result_ttl``, though it was to live longer before."""
    store.create(new_run())

    end(store)

    assert is_about(ttl(client, f"{namespace}:run:run"), HOUR)


def test_progress_keeps_a_run_alive(store: RedisStore, client: redis.Redis, namespace: str) -> None:
    """A run that is still written to does not expire."""
    store.create(new_run())
    store.claim("run")
    client.pexpire(f"{namespace}:run:run", MINUTE)

    store.apply([Change(run_id="run", attempt=1, values={"progress": 1.0})])

    assert is_about(ttl(client, f"{namespace}:run:run"), LIVE_TTL)


def test_the_indexes_outlive_their_runs(redis_url: str, namespace: str, client: redis.Redis) -> None:
    """An index lives as long as the longest lived run in it, whatever comes after."""
    store = RedisStore(redis_url, namespace=namespace, result_ttl=60 * DAY)
    store.create(new_run("long", owner="ann", delay=90 * DAY))

    store.create(new_run("short", owner="ann"))
    end(store, "short")
    store.close()

    assert is_about(ttl(client, f"{namespace}:runs"), 90 * DAY + 60 * DAY)
    assert is_about(ttl(client, f"{namespace}:owner:ann"), 90 * DAY + 60 * DAY)


def test_new_runs_push_gone_ones_out_of_the_indexes(redis_url: str, namespace: str, client: redis.Redis) -> None:
    """Though nobody lists, an index does not grow with all the runs that ever were, even behind long-lived ones."""
    store = RedisStore(redis_url, namespace=namespace, result_ttl=timedelta(milliseconds=1))
    for name in ("long-lived", "another", "a third"):
        store.create(new_run(name, owner="ann"))

    for number in range(200):
        store.create(new_run(str(number), owner="ann"))
        end(store, str(number))
    store.close()

    assert client.zcard(f"{namespace}:runs") < 60
    assert client.zcard(f"{namespace}:owner:ann") < 60


def test_a_sweep_takes_all_gone_runs_out_of_the_indexes(store: RedisStore, client: redis.Redis, namespace: str) -> None:
    """However many have expired since, and whoever owned them."""
    store.create(new_run("present", owner="ann"))
    gone = [f"gone-{number}" for number in range(2500)]
    client.zadd(f"{namespace}:kept", {f"{run_id} ann": 1 for run_id in gone})
    for index in ("runs", "owner:ann"):
        client.zadd(f"{namespace}:{index}", dict.fromkeys(gone, 1))

    store.sweep()

    assert [client.zcard(f"{namespace}:{index}") for index in ("kept", "runs", "owner:ann")] == [1, 1, 1]


def test_a_sweep_leaves_a_run_that_is_kept_for_longer_than_was_noted(
    store: RedisStore, client: redis.Redis, namespace: str
) -> None:
    """A run that was still written to is listed for as long as its record lives."""
    store.create(new_run("run", owner="ann"))
    noted = client.zscore(f"{namespace}:kept", "run ann")
    client.zadd(f"{namespace}:kept", {"run ann": 1})

    store.sweep()

    assert [run.id for run in store.list(owner="ann", first=5).runs] == ["run"]
    assert abs(float(client.zscore(f"{namespace}:kept", "run ann")) - float(noted)) < 60_000


def test_a_list_pushes_gone_runs_out(redis_url: str, namespace: str, client: redis.Redis) -> None:
    """Listing forgets what has expired, also when thousands are in the way, and still finds what is there."""
    store = RedisStore(redis_url, namespace=namespace, result_ttl=HOUR)
    store.create(new_run("oldest"))
    client.zadd(f"{namespace}:runs", {f"gone-{number}": 9e15 + number for number in range(2500)})

    page = store.list(owner=None, first=5)
    store.close()

    assert [run.id for run in page.runs] == ["oldest"]
    assert client.zcard(f"{namespace}:runs") == 1


def test_a_server_that_forgot_the_scripts_is_told_again(store: RedisStore, client: redis.Redis) -> None:
    """SCRIPT FLUSH, a restart or a failover costs one more round trip, not an error; also in the midst of many changes."""
    store.create(new_run())
    client.script_flush()
    store.claim("run")
    client.script_flush()

    outcomes = store.apply([Change(run_id="run", attempt=1, values={"progress": float(n)}) for n in range(3)])

    assert outcomes == [3, 4, 5]


def test_a_restart_is_not_noticed(server: RedisServer) -> None:
    """Connections that died while nobody looked are replaced, and what was answered is still there."""
    store = RedisStore(server.url, namespace="test", result_ttl=HOUR)
    store.create(new_run())
    server.kill()
    server.start()

    claim = store.claim("run")
    store.close()

    assert claim is not None
    assert claim.snapshot.version == 2


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.BLACK_HOLE])
def test_a_server_that_is_away_is_an_error(proxy: Proxy, proxied: RedisStore, fault: Fault) -> None:
    """Every call fails within its timeouts, says which server, and works again once the server is back."""
    proxied.create(new_run())
    proxy.fault = fault
    proxy.cut()
    started = time.monotonic()

    with pytest.raises(StoreUnavailableError, match=f"127.0.0.1:{proxy.port}") as caught:
        proxied.claim("run")

    assert time.monotonic() - started < 3
    assert isinstance(caught.value.__cause__, redis.RedisError)
    proxy.fault = Fault.PASS
    proxy.cut()
    assert proxied.claim("run") is not None


def test_an_error_names_no_password() -> None:
    """The message shows where the server is, and nothing else of the URL."""
    store = RedisStore("redis://user:secret@127.0.0.1:1/0", namespace="test", result_ttl=HOUR)

    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1") as caught:
        store.read(["run"])

    assert "secret" not in str(caught.value)


def test_an_answer_that_came_too_late_is_nobodys(proxy: Proxy, proxied: RedisStore, server: RedisServer) -> None:
    """After a timeout the next call gets its own answer, and never the one that was still on its way."""
    proxied.create(new_run("one"))
    proxied.create(new_run("two"))
    with redis.Redis.from_url(server.url) as direct:
        direct.execute_command("CLIENT", "PAUSE", "1500", "ALL")

        with pytest.raises(StoreUnavailableError):
            proxied.claim("one")
        direct.execute_command("CLIENT", "UNPAUSE")

    claim = proxied.claim("two")
    assert claim is not None
    assert claim.snapshot.id == "two"


FORK = """
import os, sys
from datetime import timedelta
from strawberry_tasks.stores import open_store
from strawberry_tasks.stores.base import NewRun

store = open_store(sys.argv[1], namespace=sys.argv[2], result_ttl=timedelta(seconds=10))

def hammer(name):
    for number in range(300):
        run_id = f"{name}-{number}"
        store.create(NewRun(id=run_id, name="n", queue="q", arguments="{}"))
        assert store.read([run_id])[0].id == run_id

hammer("before")
child = os.fork()
hammer("child" if child == 0 else "parent")
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_has_its_own_connections(redis_url: str, namespace: str) -> None:
    """Parent and child talk at the same time, and each gets its own answers."""
    done = subprocess.run(
        [sys.executable, "-c", FORK, redis_url, namespace], timeout=60, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.fixture
async def link(proxied: RedisStore) -> AsyncIterator[object]:
    feed = proxied.feed()
    await feed.connect()
    await feed.attach(ALL_TOPIC)
    assert await feed.receive() == Confirmed(ALL_TOPIC)
    yield feed
    with contextlib.suppress(StoreUnavailableError):
        await feed.aclose()


@pytest.mark.parametrize("how", ["cut", "black hole", "killed"])
async def test_a_feed_tells_that_its_link_is_lost(server: RedisServer, proxy: Proxy, link: object, how: str) -> None:
    """No silent reconnect, and no waiting for ever for a server that hangs: receiving fails within a few seconds."""
    if how == "cut":
        proxy.cut()
    elif how == "black hole":
        proxy.fault = Fault.BLACK_HOLE
    else:
        with redis.Redis.from_url(server.url) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    async with asyncio.timeout(8):
        with pytest.raises(StoreUnavailableError):
            await link.receive()  # type: ignore[attr-defined]


async def test_a_quiet_feed_stays(proxied: RedisStore, link: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Liveness checks that are answered bring no event and do no harm."""
    monkeypatch.setattr("strawberry_tasks.stores.redis_feed.QUIET", 0.02)
    receiving = asyncio.ensure_future(link.receive())  # type: ignore[attr-defined]
    done, _ = await asyncio.wait([receiving], timeout=0.3)
    assert not done

    await asyncio.to_thread(proxied.create, new_run())

    async with asyncio.timeout(SECONDS):
        assert await receiving == Changed(topic=ALL_TOPIC, run_id="run", version=1)


def test_a_renewal_never_waits_for_a_new_connection(proxied: RedisStore, proxy: Proxy) -> None:
    """However many others are busy: over a slow network, connecting takes longer than a short lease may have left."""
    attempt = AttemptId("run", 1)
    proxied.create(new_run())
    proxied.claim("run")
    proxied.renew([attempt])
    before = proxy.accepted
    proxy.fault = Fault.SLOW

    with ThreadPoolExecutor() as pool:
        others = [pool.submit(proxied.read, ["run"]) for _ in range(3)]
        wait_until(lambda: proxy.accepted == before + 2, "two to connect, the third has the connection that was idle")
        assert proxied.renew([attempt]) == [Lease.HELD]
        accepted = proxy.accepted
        proxy.fault = Fault.PASS

    assert accepted == before + 2
    assert all(other.result(SECONDS) for other in others)


def test_valkey_urls_are_understood(redis_url: str, namespace: str) -> None:
    """``valkey://`` is another name for ``redis://``."""
    store = RedisStore(redis_url.replace("redis://", "valkey://", 1), namespace=namespace, result_ttl=HOUR)

    wait_until(lambda: store.create(new_run()).version == 1, "the run is created")
    store.close()
