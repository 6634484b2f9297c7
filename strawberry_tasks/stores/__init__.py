"""Stores keep the runs' snapshots; here the URL decides which one."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from .base import Store
from .memory import MemoryStore

__all__ = ["open_store"]

_REDIS_SCHEMES = frozenset({"redis", "rediss", "unix", "valkey", "valkeys"})


def open_store(url: str, *, namespace: str, result_ttl: timedelta) -> Store:
    """Make the store that a URL names; it connects at its first use.

    Args:
        url: ``redis://host:port/db``, ``rediss://…``, ``unix:///path``, ``valkey://…`` or ``memory://``.
        namespace: The prefix of every key and channel.
        result_ttl: How long the record of a run is kept once it has ended.

    Raises:
        ConfigurationError: If the URL is none of these.
    """
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return MemoryStore(result_ttl=result_ttl)
    if scheme in _REDIS_SCHEMES:
        # Here and not above: importing redis takes longer than everything else in `import strawberry_tasks` together.
        from .redis import RedisStore  # noqa: PLC0415

        return RedisStore(url, namespace=namespace, result_ttl=result_ttl)
    # The URL itself may hold a password, so that the message names only its beginning.
    raise ConfigurationError(
        "url: expected redis://host:port/db, rediss://…, unix:///path, valkey://… or memory://, "
        f"got one that begins with {scheme + ':' if scheme else url[:6]!r}."
    )
