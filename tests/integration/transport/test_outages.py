"""What becomes of messages while Redis is away from their worker, and after it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import dramatiq
import pytest
from dramatiq.errors import ConnectionClosed

from strawberry_tasks.backends.redis_transport import RedisTransport
from tests.integration.transport.conftest import QUEUE, MakeTransport, StartWorker, is_empty, message
from tests.patience import SECONDS
from tests.processes import wait_until
from tests.servers import Fault, Proxy, RedisServer

Away = Callable[[Proxy], None]


def refuse(proxy: Proxy) -> None:
    """As a server that is restarted."""
    proxy.fault = Fault.REFUSE
    proxy.cut()


def hang(proxy: Proxy) -> None:
    """As a network that drops everything."""
    proxy.fault = Fault.BLACK_HOLE


def come_back(proxy: Proxy) -> None:
    """End the fault, for those who connect anew."""
    proxy.fault = Fault.PASS
    proxy.cut()


away = pytest.mark.parametrize("away", [refuse, hang])


@pytest.fixture
def proxied(make_transport: MakeTransport, proxy: Proxy) -> RedisTransport:
    """A transport behind the proxy."""
    return make_transport(proxy.url, lease=timedelta(seconds=1))


@away
def test_a_failure_while_redis_is_away_is_retried(
    proxied: RedisTransport, direct: RedisTransport, proxy: Proxy, start_worker: StartWorker, away: Away
) -> None:
    """A task that fails during an outage, longer than its lease, is neither lost nor acknowledged."""
    calls: list[float] = []
    fails = threading.Event()

    @dramatiq.actor(broker=proxied, queue_name=QUEUE, min_backoff=1, max_backoff=1)
    def fail_once() -> None:
        calls.append(time.monotonic())
        if len(calls) == 1:
            away(proxy)
            fails.set()
            raise RuntimeError

    start_worker(proxied)
    fail_once.send()
    assert fails.wait(SECONDS)
    wait_until(lambda: time.monotonic() > calls[0] + 2, "the outage is longer than the lease")
    assert direct.depth(QUEUE).in_flight == 1

    come_back(proxy)

    wait_until(lambda: len(calls) == 2, "the retry")
    wait_until(lambda: is_empty(direct), "the end")
    assert len(calls) == 2


@away
def test_a_success_while_redis_is_away_is_not_repeated(
    make_transport: MakeTransport, server: RedisServer, proxy: Proxy, start_worker: StartWorker, away: Away
) -> None:
    """A task that succeeds during an outage, shorter than its lease, runs once."""
    proxied, direct = (make_transport(url, lease=timedelta(seconds=6)) for url in (proxy.url, server.url))
    calls: list[float] = []

    @dramatiq.actor(broker=proxied, queue_name=QUEUE)
    def succeed() -> None:
        if not calls:
            away(proxy)
        calls.append(time.monotonic())

    start_worker(proxied)
    succeed.send()
    wait_until(lambda: calls, "the task runs")
    # It knows no such actor: it would bury the message if it got it.
    direct.declare_queue(QUEUE)
    start_worker(direct)
    wait_until(lambda: time.monotonic() > calls[0] + 1.5, "the outage")

    come_back(proxy)

    wait_until(lambda: is_empty(direct), "the end")
    assert len(calls) == 1
    assert direct.depth(QUEUE).dead == 0


def test_a_success_while_the_whole_server_is_away_is_not_repeated(
    proxied: RedisTransport, direct: RedisTransport, server: RedisServer, start_worker: StartWorker
) -> None:
    """After an outage for everybody, longer than the lease, the holder comes before those who would take over."""
    calls: list[float] = []
    begun, go_on = threading.Event(), threading.Event()

    @dramatiq.actor(broker=proxied, queue_name=QUEUE)
    def succeed() -> None:
        begun.set()
        go_on.wait(SECONDS)
        if not calls:
            server.kill()
        calls.append(time.monotonic())

    start_worker(proxied)
    succeed.send()
    assert begun.wait(SECONDS)
    # It knows no such actor: it would bury the message if it got it.
    direct.declare_queue(QUEUE)
    start_worker(direct)
    go_on.set()
    wait_until(lambda: calls and time.monotonic() > calls[0] + 1.5, "the outage is longer than the lease")

    server.start()

    wait_until(lambda: is_empty(direct), "the end")
    assert len(calls) == 1
    assert direct.depth(QUEUE).dead == 0


@away
def test_a_delayed_message_comes_through_a_blip(
    proxied: RedisTransport, direct: RedisTransport, proxy: Proxy, start_worker: StartWorker, away: Away
) -> None:
    """A message that is due during an outage comes right after it, to the worker that was there before."""
    called = threading.Event()

    @dramatiq.actor(broker=proxied, queue_name=QUEUE)
    def note() -> None:
        called.set()

    start_worker(proxied)
    note.send_with_options(delay=300)
    due = time.monotonic() + 0.3
    away(proxy)
    wait_until(lambda: time.monotonic() > due + 0.5, "the outage")
    assert not called.is_set()

    come_back(proxy)

    assert called.wait(3)


@away
def test_an_enqueue_into_a_hole_fails_soon_and_can_be_repeated(
    proxied: RedisTransport, direct: RedisTransport, proxy: Proxy, away: Away
) -> None:
    """Whether or not the first one arrived, there is one message in the end."""
    away(proxy)
    began = time.monotonic()
    with pytest.raises(ConnectionClosed):
        proxied.enqueue(message("m"))
    assert time.monotonic() - began < 2.5
    come_back(proxy)

    proxied.enqueue(message("m"))

    assert direct.depth(QUEUE) == (1, 0, 0, 0)


def test_a_restart_of_the_server_loses_nothing(
    proxied: RedisTransport, server: RedisServer, start_worker: StartWorker
) -> None:
    """With the append-only file, what was accepted before a crash is performed after it."""
    seen: list[int] = []

    @dramatiq.actor(broker=proxied, queue_name=QUEUE)
    def note(number: int) -> None:
        seen.append(number)

    for number in range(50):
        note.send_with_options(args=(number,), delay=None if number % 2 else 100)

    server.kill()
    server.start()
    start_worker(proxied, threads=4)

    wait_until(lambda: len(seen) >= 50 and is_empty(proxied), "all have run")
    assert sorted(seen) == list(range(50))
