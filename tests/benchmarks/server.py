"""The server that a benchmark measures with: the one at ``REDIS_URL``, or one of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator

import redis

from strawberry_tasks.contrib.embedded import EmbeddedServer


@contextlib.contextmanager
def redis_url() -> Iterator[str]:
    """Give the URL of a server that runs."""
    if url := os.environ.get("REDIS_URL"):
        yield url
    else:
        with EmbeddedServer() as server:
            yield server.url


@contextlib.contextmanager
def fresh_namespace(url: str) -> Iterator[str]:
    """Give a namespace that nobody uses, and remove all keys in it afterwards."""
    namespace = f"bench-{secrets.token_hex(4)}"
    try:
        yield namespace
    finally:
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter(match=f"{namespace}*", count=1000):
                client.delete(key)
