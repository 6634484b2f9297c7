"""Stores keep the runs' snapshots; here the URL decides which one."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from .base import LEASE, Store

__all__ = ["open_store"]

_REDIS_SCHEMES = frozenset({"redis", "rediss", "unix", "valkey", "valkeys"})


def open_store(url: str, *, namespace: str, result_ttl: timedelta, lease: timedelta = LEASE) -> Store:
    """Make the store that a URL names; it connects at its first use.

    Args:
        url: ``redis://host:port/db``, ``rediss://…``, ``unix:///path``, ``valkey://…`` or ``memory://``.
        namespace: The prefix of every key and channel.
        result_ttl: How long the record of a run is kept once it has ended.
        lease: How long an attempt lives that is not renewed.

    Raises:
        ConfigurationError: If the URL is none of these.
    """
    # Imported when opened: `import strawberry_tasks` needs neither, and redis takes longer to import than all of ours together.
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        from .memory import MemoryStore  # noqa: PLC0415

        return MemoryStore(result_ttl=result_ttl, lease=lease)
    if scheme in _REDIS_SCHEMES:
        from .redis import RedisStore  # noqa: PLC0415

        return RedisStore(url, namespace=namespace, result_ttl=result_ttl, lease=lease)
    # The URL itself may hold a password, so that the message names only its beginning.
    raise ConfigurationError(
        "url: expected redis://host:port/db, rediss://…, unix:///path, valkey://… or memory://, "
        f"got one that begins with {scheme + ':' if scheme else url[:6]!r}."
    )
