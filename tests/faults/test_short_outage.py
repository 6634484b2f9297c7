"""An outage that is a bit shorter than a lease takes nothing from workers that are well."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from dramatiq import Message

from strawberry_tasks import TaskStatus
from strawberry_tasks.backends.redis_transport import RedisTransport
from strawberry_tasks.stores.base import AttemptId, Lease, NewRun
from strawberry_tasks.stores.redis import RedisStore
from tests.servers import RedisServer

LEASE = timedelta(seconds=3)
BEFORE = LEASE.total_seconds() * 0.3
"""Seconds since the last renewal when the outage begins; the next one would have been due soon."""

OUTAGE = LEASE.total_seconds() * 0.8


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    """A store."""
    store = RedisStore(server.url, namespace="test", result_ttl=timedelta(days=1), lease=LEASE)
    yield store
    store.close()


@pytest.fixture
def transport(server: RedisServer) -> Iterator[RedisTransport]:
    """A transport."""
    transport = RedisTransport(server.url, namespace="test", lease=LEASE)
    yield transport
    transport.close()


def test_a_running_attempt_stays_its_worker_s(store: RedisStore, server: RedisServer) -> None:
    """Whoever sweeps first after the outage leaves the worker the time to renew."""
    store.create(NewRun(id="r", name="n", queue="q", arguments="{}"))
    store.claim("r")
    store.renew([AttemptId("r", 1)])
    _sleep(BEFORE)
    store.sweep()

    _be_away(server)
    store.sweep()

    (run,) = store.read(["r"])
    assert run is not None
    assert run.status is TaskStatus.RUNNING
    assert store.renew([AttemptId("r", 1)]) == [Lease.HELD]


def test_a_message_stays_its_worker_s(transport: RedisTransport, server: RedisServer) -> None:
    """Whoever fetches first after the outage is not given what another worker has."""
    transport.declare_queue("q")
    transport.enqueue(Message(queue_name="q", actor_name="a", args=(), kwargs={}, options={}))
    transport.fetch("q", 1)
    assert len(transport.inbox("q").drain()) == 1
    # The worker that has it is busy, and this one renews nothing for it.
    transport._keeper.close()
    _sleep(BEFORE)
    transport.fetch("q", 1)

    _be_away(server)
    transport.fetch("q", 1)

    assert transport.inbox("q").drain() == []


def _be_away(server: RedisServer) -> None:
    server.kill()
    _sleep(OUTAGE)
    server.start()


def _sleep(seconds: float) -> None:
    # What is tested is how long a silence may be.
    time.sleep(seconds)
