"""Which URL gives which store."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from strawberry_tasks.errors import ConfigurationError
from strawberry_tasks.stores import open_store
from strawberry_tasks.stores.memory import MemoryStore

HOUR = timedelta(hours=1)


def test_memory_urls_give_a_memory_store() -> None:
    """``memory://`` needs no server."""
    assert isinstance(open_store("memory://", namespace="n", result_ttl=HOUR), MemoryStore)


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://h", "valkey://h", "valkeys://h", "unix:///tmp/redis.sock"])
def test_redis_urls_give_a_redis_store(url: str) -> None:
    """Every way to name a server is understood, and making a store connects to none."""
    store = open_store(url, namespace="n", result_ttl=HOUR)

    assert type(store).__name__ == "RedisStore"


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://h", "amqp://user:secret@h"])
def test_other_urls_are_refused(url: str) -> None:
    """The message says what was expected, and does not repeat a password."""
    with pytest.raises(ConfigurationError, match=r"redis://host:port/db.*memory://") as caught:
        open_store(url, namespace="n", result_ttl=HOUR)

    assert "secret" not in str(caught.value)


def test_redis_is_imported_when_it_is_needed() -> None:
    """Importing the stores, or opening one in memory, does not pay for importing redis."""
    script = (
        "import sys; from datetime import timedelta; from strawberry_tasks.stores import open_store;"
        "open_store('memory://', namespace='n', result_ttl=timedelta(1)); sys.exit('redis' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)

    assert done.returncode == 0
