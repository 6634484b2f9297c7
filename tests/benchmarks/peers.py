"""The same two tasks, one that does nothing and one that tells when it starts, on our transport, stock Dramatiq and Celery."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from strawberry_tasks import Tasks
from strawberry_tasks.backends.redis_transport import RedisTransport

QUEUE = "bench"


@dataclass(kw_only=True)
class Peer:
    """One way to run tasks in the background."""

    target: Any
    """What its workers load: a broker, or a Celery app."""

    command: list[str]
    """Starts its workers, which import `peer_worker`; takes more options."""

    no_op: Callable[[], object]
    """Enqueues the task that does nothing."""

    tell_start: Callable[[float], object]
    """Enqueues the task that tells how long after a time it starts."""

    count: Callable[[], int]
    """Counts what is enqueued, or in the hands of a worker."""

    no_ops: Callable[[int], object] | None = None
    """Enqueues the task that does nothing so many times at once."""


def delays_key(namespace: str) -> str:
    """Name the list in which `Peer.tell_start` tells."""
    return f"{namespace}-delays"


def stock(url: str, namespace: str) -> Peer:
    """Dramatiq over its own `RedisBroker`."""
    broker = RedisBroker(url=url, namespace=namespace)
    return _dramatiq(broker, url, namespace, f"{namespace}:{QUEUE}.msgs")


def untracked(url: str, namespace: str) -> Peer:
    """Dramatiq over our transport."""
    transport = RedisTransport(url, namespace=namespace)
    peer = _dramatiq(transport, url, namespace, f"{namespace}:queue:{QUEUE}:messages")
    message = transport.actors["no_op"].message
    peer.no_ops = lambda count: transport.enqueue_many([message() for _ in range(count)])
    return peer


def tracked(url: str, namespace: str) -> Peer:
    """Ours: with a record, its states and its watchers."""
    tasks = Tasks(url, namespace=namespace, result_ttl=timedelta(minutes=5))
    tell = _telling(url, namespace)

    @tasks.task(queue=QUEUE)
    def no_op() -> None:
        """Do nothing."""

    @tasks.task(queue=QUEUE)
    def tell_start(sent: float) -> None:
        """Tell the delay."""
        tell(sent)

    return Peer(
        target=tasks.broker,
        command=_DRAMATIQ,
        no_op=no_op.enqueue,
        tell_start=tell_start.enqueue,
        count=_counting(url, f"{namespace}:queue:{QUEUE}:messages"),
        no_ops=lambda count: no_op.enqueue_many([()] * count),
    )


def celery(url: str, namespace: str) -> Peer:
    """Celery over Redis, as it is without settings.

    Raises:
        ImportError: If it is not installed.
    """
    from celery import Celery  # noqa: PLC0415 - there may be none

    # Its keys have no prefix; the queue has.
    queue = f"{namespace}-{QUEUE}"
    app = Celery("peer", broker=url, set_as_current=False)
    app.conf.task_default_queue = queue
    app.conf.broker_connection_retry_on_startup = True
    tell = _telling(url, namespace)

    @app.task(name="no_op", ignore_result=True)
    def no_op() -> None:
        """Do nothing."""

    @app.task(name="tell_start", ignore_result=True)
    def tell_start(sent: float) -> None:
        """Tell the delay."""
        tell(sent)

    client = redis.Redis.from_url(url)
    return Peer(
        target=app,
        command=[sys.executable, "-m", "celery", "-A", "peer_worker:target", "worker", "--without-mingle"],
        no_op=no_op.delay,
        tell_start=tell_start.delay,
        count=lambda: int(client.llen(queue)),  # type: ignore[arg-type]
    )


PEERS: dict[str, Callable[[str, str], Peer]] = {
    "stock": stock,
    "untracked": untracked,
    "tracked": tracked,
    "celery": celery,
}
"""How each is made from a Redis URL and a namespace."""

_DRAMATIQ = [sys.executable, "-m", "dramatiq", "peer_worker:target"]


def present(names: Iterable[str]) -> list[str]:
    """Return those that are installed, and say which are not."""
    installed = list(names)
    if "celery" in installed and find_spec("celery") is None:
        print("Celery is left out, since it is not installed: use `pip install celery`.")
        installed.remove("celery")
    return installed


def environment(name: str, url: str, namespace: str) -> dict[str, str]:
    """Return the environment in which `peer_worker` makes this peer."""
    return {**os.environ, "BENCH_PEER": name, "BENCH_URL": url, "BENCH_NAMESPACE": namespace}


def _dramatiq(broker: dramatiq.Broker, url: str, namespace: str, messages: str) -> Peer:
    tell = _telling(url, namespace)

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def no_op() -> None:
        """Do nothing."""

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def tell_start(sent: float) -> None:
        """Tell the delay."""
        tell(sent)

    count = _counting(url, messages)
    return Peer(target=broker, command=_DRAMATIQ, no_op=no_op.send, tell_start=tell_start.send, count=count)


def _telling(url: str, namespace: str) -> Callable[[float], None]:
    client = redis.Redis.from_url(url)

    def tell(sent: float) -> None:
        # One clock for all processes of a machine; taken before it is told.
        delay = time.monotonic() - sent
        client.rpush(delays_key(namespace), delay)

    return tell


def _counting(url: str, messages: str) -> Callable[[], int]:
    client = redis.Redis.from_url(url)
    return lambda: int(client.hlen(messages))  # type: ignore[arg-type]
