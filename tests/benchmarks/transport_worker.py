"""What ``dramatiq`` loads for `bench_transport`: one broker of the kind that the environment names, and its actors."""

from __future__ import annotations

import os
import time

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from strawberry_tasks import Tasks
from strawberry_tasks.backends.redis_transport import RedisTransport

QUEUE = "bench"

kind, url, namespace = (os.environ[f"BENCH_{name}"] for name in ("KIND", "URL", "NAMESPACE"))
broker: dramatiq.Broker
if kind == "stock":
    broker = RedisBroker(url=url, namespace=namespace)
elif kind == "ours":
    broker = RedisTransport(url, namespace=namespace)
else:
    tasks = Tasks(url, namespace=namespace)
    broker = tasks.broker

    @tasks.task(queue=QUEUE)
    def tracked() -> None:
        """Do nothing."""


client = redis.Redis.from_url(url)


@dramatiq.actor(broker=broker, queue_name=QUEUE)
def noop() -> None:
    """Do nothing."""


@dramatiq.actor(broker=broker, queue_name=QUEUE)
def tell_delay(sent: float) -> None:
    """Tell how long after it was sent it starts."""
    client.rpush(f"{namespace}-delays", time.time() - sent)
