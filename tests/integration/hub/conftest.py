"""Hubs over every kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from strawberry_tasks.hub import Hub
from strawberry_tasks.stores import open_store
from strawberry_tasks.stores.base import Store
from strawberry_tasks.stores.memory import MemoryStore
from tests.integration.hub.watching import NEVER, Place


@pytest.fixture(params=["memory", "redis"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "memory":
        memory = MemoryStore(result_ttl=timedelta(hours=1))
        yield Place(memory, lambda: {topic for feed in memory._feeds for topic in feed.topics})
        return
    url, namespace = request.getfixturevalue("redis_url"), request.getfixturevalue("namespace")
    store = open_store(url, namespace=namespace, result_ttl=timedelta(hours=1))
    with redis.Redis.from_url(url, decode_responses=True) as client:
        yield Place(
            store,
            lambda: {name.removeprefix(f"{namespace}:") for name in client.pubsub_channels(f"{namespace}:*")},
        )
    store.close()


@pytest.fixture
def store(place: Place) -> Store:
    return place.store


@pytest.fixture
def hub(store: Store) -> Iterator[Hub]:
    hub = Hub(store.feed, reread=NEVER, linger=timedelta())
    yield hub
    hub.close()
