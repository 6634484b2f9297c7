"""What tests of every kind share: a server, and a namespace in it that must be left clean."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from strawberry_tasks.contrib.embedded import EmbeddedServer
from tests.namespaces import fresh_namespace


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
    with fresh_namespace(redis_url) as name:
        yield name
