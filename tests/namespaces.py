"""A key prefix of a test's own, which must be left clean."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import redis


@contextmanager
def fresh_namespace(url: str) -> Iterator[str]:
    """Yield a namespace that nobody uses; afterwards fail if a key in it would stay for ever, and remove what is there.

    Messages have no end: the keys of queues, ours and Dramatiq's own, are removed without a word.

    Args:
        url: Where Redis is.
    """
    name = f"test-{secrets.token_hex(6)}"
    queues = f"{name}:queue:".encode()
    yield name
    with redis.Redis.from_url(url) as client:
        keys = list(client.scan_iter(f"{name}:*", count=1000))
        immortal = [key for key in keys if client.pttl(key) == -1 and not key.startswith(queues)]
        keys += client.scan_iter(f"{name}-*", count=1000)
        if keys:
            client.unlink(*keys)
    assert not immortal, f"these keys never expire: {immortal}"
