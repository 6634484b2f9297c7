"""Queues that refuse a message, each in its carrier's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pika
import pytest
import redis

from strawberry_tasks.errors import QueueUnavailableError
from tests.apps.scenarios import Scenarios
from tests.apps.settings import Settings
from tests.rabbitmq import delete_rabbitmq_queues, require_rabbitmq

CARRIERS = ["stock+redis", "celery+redis", "stock+amqp", "celery+amqp"]


@pytest.fixture(params=CARRIERS)
def scenarios(request: pytest.FixtureRequest, redis_url: str, namespace: str, tmp_path: Path) -> Iterator[Scenarios]:
    """Tasks whose queue is there already, as something else."""
    kind, _, transport = request.param.partition("+")
    with ExitStack() as stack:
        if transport == "amqp":
            url = require_rabbitmq()
            stack.callback(delete_rabbitmq_queues, url, namespace)
            with pika.BlockingConnection(pika.URLParameters(url)) as connection:
                connection.channel().queue_declare(namespace, auto_delete=True, arguments={"x-max-length": 7})
        else:
            url = redis_url
            client = stack.enter_context(redis.Redis.from_url(url))
            levels = ["", *(f"\x06\x16{level}" for level in range(10))]
            keys = [f"{namespace}-stock:{namespace}", f"{namespace}-stock:{namespace}.msgs"]
            keys += [f"{namespace}-celery:{namespace}{level}" for level in levels]
            for key in keys:
                client.set(key, "odd", ex=60)
        settings = Settings(url=redis_url, namespace=namespace, uploads=tmp_path / "uploads", broker=f"{kind}+{url}")
        celery = stack.enter_context(settings.make_celery()) if kind == "celery" else None
        tasks = settings.make_tasks(celery)
        stack.callback(tasks.close)
        yield Scenarios(tasks)


def test_nothing_is_started(scenarios: Scenarios, redis_url: str, namespace: str) -> None:
    """Whoever enqueues learns that, and no record stays."""
    with pytest.raises(QueueUnavailableError) as caught:
        scenarios.add.enqueue(left=1, right=1)

    assert caught.value.unsettled == ()
    assert caught.value.__cause__ is not None
    with redis.Redis.from_url(redis_url) as client:
        assert not client.exists(f"{namespace}:runs")
