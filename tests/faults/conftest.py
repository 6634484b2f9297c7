"""A Redis of the test's own, and the way to it that breaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps.scenarios import Gate
from tests.servers import Proxy, RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that keeps everything through a crash."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[Proxy]:
    """A way to the server that breaks when it is told to."""
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """What some tasks wait for; it is open after the test."""
    gate = Gate(str(tmp_path / "gate"))
    yield gate
    gate.open()
