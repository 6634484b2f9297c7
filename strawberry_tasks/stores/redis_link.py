"""How connections to Redis are made, and what their errors become."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from redis import exceptions

from ..errors import StoreUnavailableError, TaskUnreadableError
from .records import unreadable

TIMEOUT: Final = 1.0
"""Seconds that connecting may take, and each answer."""

UNREADABLE: Final = "UNREADABLE "
"""What scripts answer, with the run's id, when they cannot go by what stands in its record."""


def _lenient(error: UnicodeError) -> tuple[str | bytes, int]:
    """Let half of a surrogate pair pass, which must not keep a task from ending; read what is no UTF-8 as U+FFFD."""
    try:
        return codecs.lookup_error("surrogatepass")(error)
    except UnicodeDecodeError as damage:
        return damage.object[damage.start :].decode("utf-8", "replace"), len(damage.object)


codecs.register_error("strawberry_tasks.lenient", _lenient)

CONNECTION_OPTIONS: Final[Mapping[str, Any]] = {
    "socket_timeout": TIMEOUT,
    "socket_connect_timeout": TIMEOUT,
    "decode_responses": True,
    "encoding_errors": "strawberry_tasks.lenient",
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
    """Turn the errors of a server into ours."""
    try:
        yield
    except (exceptions.RedisError, OSError) as error:
        raise ours(server, error) from error


class WrongTypeError(StoreUnavailableError):
    """There is a key of another type where one of ours should be."""


def ours(server: str, error: Exception) -> StoreUnavailableError | TaskUnreadableError:
    """Make one of our errors of one of the server's, whose text is for operators alone.

    Args:
        server: How messages name it.
        error: What it has answered, or how it did not.
    """
    text = str(error)
    if isinstance(error, AWAY) or _REFUSALS.search(text) is not None:
        return StoreUnavailableError(f"The task store at {server} does not answer: {text}")
    if isinstance(error, exceptions.ResponseError) and text.startswith(UNREADABLE):
        return unreadable(text.removeprefix(UNREADABLE), "expected a known status, and numbers where there are none")
    kind = WrongTypeError if "WRONGTYPE " in text else StoreUnavailableError
    return kind(f"The task store at {server} has refused a request: {text}")
