"""How connections to Redis are made, and what their errors become."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from redis import exceptions

from ..errors import StoreUnavailableError

TIMEOUT: Final = 1.0
"""Seconds that connecting may take, and each answer."""

CONNECTION_OPTIONS: Final[Mapping[str, Any]] = {
    "socket_timeout": TIMEOUT,
    "socket_connect_timeout": TIMEOUT,
    "decode_responses": True,
    # Python text may hold half of a surrogate pair, which must not keep a task from ending.
    "encoding_errors": "surrogatepass",
    # One shape of answers with every version of redis-py, whose default changes.
    "protocol": 2,
}
"""What the connections of the store and of its feeds have in common."""

AWAY: Final = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.MasterDownError,
    exceptions.OutOfMemoryError,
    exceptions.TryAgainError,
    exceptions.ClusterDownError,
    OSError,
)
"""The errors of a server that is away, or takes no writes."""

_REFUSALS: Final = re.compile(
    r"(?:^|: -)(?:BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY|UNBLOCKED) "
)
"""Such errors that redis-py has no class for, or that Redis 6 tells of as errors of a script."""


def redis_url(url: str) -> str:
    """Return the URL as redis-py knows it."""
    return "redis" + url.removeprefix("valkey") if url.startswith("valkey") else url


def address(options: Mapping[str, Any]) -> str:
    """Name the server in error messages, without any password."""
    return str(options["path"]) if "path" in options else f"{options.get('host')}:{options.get('port')}"


def client_name(namespace: str, role: str) -> str:
    """Return the name that a connection shows in ``CLIENT LIST``, which takes printable ASCII without spaces only."""
    return "".join(char if "!" <= char <= "~" else "_" for char in f"{namespace}:{role}")


def encode(text: str) -> bytes:
    """Return the bytes that a text is in Redis, as `CONNECTION_OPTIONS` have it read back."""
    return text.encode("utf-8", "surrogatepass")


@contextmanager
def unavailable(server: str) -> Iterator[None]:
    """Turn the errors of a server that is away, or takes no writes, into ours."""
    try:
        yield
    except (*AWAY, exceptions.ResponseError) as error:
        if not is_away(error):
            raise
        raise away(server, error) from error


def is_away(error: Exception) -> bool:
    """Tell whether an error means that the server is away, or takes no writes, and not that we asked for something odd."""
    return isinstance(error, AWAY) or _REFUSALS.search(str(error)) is not None


def away(server: str, error: Exception) -> StoreUnavailableError:
    """Make ours of one of the errors in `AWAY`."""
    return StoreUnavailableError(f"The task store at {server} does not answer: {error}")
