"""What ``dramatiq`` loads in these tests: a broker out of environment variables, and actors that leave traces."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta

import dramatiq
import redis
from dramatiq.middleware import Retries

from strawberry_tasks.backends.redis_transport import RedisTransport

URL, NAMESPACE = os.environ["TRANSPORT_URL"], os.environ["TRANSPORT_NAMESPACE"]

broker = RedisTransport(URL, namespace=NAMESPACE, lease=timedelta(seconds=1), max_deliveries=2, middleware=[Retries()])
client = redis.Redis.from_url(URL)


@dramatiq.actor(broker=broker, queue_name="q")
def hold(name: str) -> None:
    """Run until the gate is open."""
    client.rpush(f"{NAMESPACE}-begun:{name}", os.getpid())
    while not client.exists(f"{NAMESPACE}-gate"):
        time.sleep(0.01)
    client.rpush(f"{NAMESPACE}-ended:{name}", os.getpid())


@dramatiq.actor(broker=broker, queue_name="q")
def kill() -> None:
    """Take the process down, once the test has seen it start."""
    client.rpush(f"{NAMESPACE}-begun:kill", os.getpid())
    client.blpop([f"{NAMESPACE}-armed"])
    os.kill(os.getpid(), signal.SIGKILL)
