"""What tests of every kind share: a server, and a namespace in it that must be left clean."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest
import redis

from strawberry_tasks.contrib.embedded import EmbeddedServer


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Where Redis is: ``REDIS_URL``, or a server of this session's own."""
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    with EmbeddedServer() as server:
        yield server.url


@pytest.fixture
def namespace(redis_url: str) -> Iterator[str]:
    """A namespace of the test's own; fails the test if a key in it would stay for ever."""
    name = f"test-{secrets.token_hex(6)}"
    yield name
    with redis.Redis.from_url(redis_url) as client:
        keys = list(client.scan_iter(f"{name}:*", count=1000))
        immortal = [key for key in keys if client.pttl(key) == -1]
        if keys:
            client.unlink(*keys)
    assert not immortal, f"these keys never expire: {immortal}"
