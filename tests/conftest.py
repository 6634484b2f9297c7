"""What tests of every kind share: a server, and a namespace in it that must be left clean."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from strawberry_tasks.contrib.embedded import EmbeddedServer
from tests import stalls
from tests.namespaces import fresh_namespace
from tests.servers import Proxy, RedisServer

_began = time.monotonic()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test that failed while the machine stood still be run again."""
    stalls.begin()
    for item in items:
        item.add_marker(pytest.mark.flaky(reruns=2, condition=lambda: stalls.stood_still_since(_began)))


def pytest_runtest_logstart() -> None:
    """Remember when the test began."""
    global _began  # noqa: PLW0603 - hooks share no object of ours
    _began = time.monotonic()


def pytest_configure() -> None:
    """Give Django its settings, where it is installed; in the environment they would reach the processes that tests start."""
    if find_spec("django") is None:
        return
    from django.conf import settings  # noqa: PLC0415 - optional

    from tests.django.project import settings as project  # noqa: PLC0415 - wants Django

    settings.configure(**{name: value for name, value in vars(project).items() if name.isupper()})


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


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of the test's own, which keeps everything through a crash."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[Proxy]:
    """A way to that server which breaks when it is told to."""
    with Proxy(server.port) as proxy:
        yield proxy
