"""Transports over real servers, and workers inside the test's process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq import Message, Worker
from dramatiq.middleware import Retries

from strawberry_tasks.backends.redis_transport import RedisTransport
from strawberry_tasks.backends.redis_transport.delivery import Delivery
from tests.servers import RedisServer

QUEUE = "q"
LEASE = timedelta(milliseconds=600)

MakeTransport = Callable[..., RedisTransport]
StartWorker = Callable[..., Worker]


def message(message_id: str = "m", actor: str = "noop", **more: Any) -> Message[None]:
    """Make a message."""
    fields = {"args": (), "kwargs": {}, "options": {}, "queue_name": QUEUE, **more}
    return Message(actor_name=actor, message_id=message_id, **fields)


def take(transport: RedisTransport, limit: int = 10, queue: str = QUEUE) -> list[Delivery]:
    """Fetch once, as a consumer does."""
    transport.fetch(queue, limit)
    return transport.inbox(queue).drain()


def ids(deliveries: list[Delivery]) -> list[str]:
    """Name the messages."""
    return [delivery.message_id for delivery in deliveries]


def is_empty(transport: RedisTransport) -> bool:
    return transport.do_qsize(QUEUE) == 0


@pytest.fixture
def make_transport(redis_url: str, namespace: str) -> Iterator[MakeTransport]:
    """Make transports in one namespace: each stands for a process."""
    made: list[RedisTransport] = []

    def make(url: str = redis_url, **options: Any) -> RedisTransport:
        settings = {"namespace": namespace, "lease": LEASE, "middleware": [Retries()], **options}
        made.append(RedisTransport(url, **settings))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def transport(make_transport: MakeTransport) -> RedisTransport:
    """One transport."""
    return make_transport()


@pytest.fixture
def direct(make_transport: MakeTransport, server: RedisServer) -> RedisTransport:
    """A transport beside the proxy."""
    return make_transport(server.url, lease=timedelta(seconds=1))


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """Looks into the server."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def start_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartWorker]:
    """Start Dramatiq's worker threads in this process."""
    # What Dramatiq waits before it acknowledges again; the mechanism is the same.
    monkeypatch.setattr("dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS", 0.1)
    started: list[Worker] = []

    def start(broker: dramatiq.Broker, threads: int = 1) -> Worker:
        worker = Worker(broker, worker_timeout=100, worker_threads=threads)
        started.append(worker)
        worker.start()
        return worker

    yield start
    for worker in started:
        worker.stop(timeout=2000)
