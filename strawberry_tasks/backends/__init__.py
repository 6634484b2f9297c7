"""Backends: what carries a run to its function, behind one port."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..async_attempts import AsyncAttempts
from ..errors import ConfigurationError
from .base import Backend, Fail, Perform

if TYPE_CHECKING:
    from dramatiq import Broker


def open_backend(
    name: str | None,
    url: str,
    broker: Broker | str | None,
    *,
    namespace: str,
    lease: timedelta,
    perform: Perform,
    fail: Fail,
    attempts: Callable[[], AsyncAttempts],
) -> Backend:
    """Make the backend of that name; it connects to nothing.

    Args:
        name: ``"dramatiq"``, ``"thread"`` or ``"sync"``; ``None`` picks the one that suits the store.
        url: The store's URL.
        broker: Dramatiq's broker, or the Redis URL of one; by default one at the store's URL.
        namespace: The prefix of the broker's keys.
        lease: How long a message is a worker's without a word from it.
        perform: Performs one attempt of a run.
        fail: Ends a run whose message was given up.
        attempts: Returns what performs the async tasks of this process where they need no thread each.

    Raises:
        ConfigurationError: If there is no such backend, or it cannot work with the store.
    """
    # Imported when needed: a client of Redis takes a quarter of the time that Strawberry and Dramatiq take to import, and neither
    # `memory://` nor a schema export wants one.
    in_memory = urlsplit(url).scheme == "memory"
    if name is None:
        name = "thread" if in_memory else "dramatiq"
    if broker is not None and name in {"sync", "thread"}:
        raise ConfigurationError(f"broker: expected none, since the backend {name!r} has no use for it.")
    if name == "sync":
        from .sync import SyncBackend  # noqa: PLC0415

        return SyncBackend(perform)
    if name == "thread":
        from .thread import ThreadBackend  # noqa: PLC0415

        return ThreadBackend(perform)
    if name != "dramatiq":
        raise ConfigurationError(f'backend: expected "dramatiq", "thread" or "sync", got {name!r}.')
    if in_memory:
        raise ConfigurationError(
            'backend: expected "thread" or "sync" with memory://, got "dramatiq": its worker processes could not see the state.'
        )
    return _dramatiq_backend(
        url, broker, namespace=namespace, lease=lease, perform=perform, fail=fail, attempts=attempts
    )


def _dramatiq_backend(
    url: str,
    broker: Broker | str | None,
    *,
    namespace: str,
    lease: timedelta,
    perform: Perform,
    fail: Fail,
    attempts: Callable[[], AsyncAttempts],
) -> Backend:
    from .dramatiq import DramatiqBackend, middleware, offer_to_command_line  # noqa: PLC0415
    from .redis import RedisBackend  # noqa: PLC0415
    from .redis_transport import RedisTransport  # noqa: PLC0415

    if broker is None or isinstance(broker, str):
        setting, place = ("url", url) if broker is None else ("broker", broker)
        try:
            broker = RedisTransport(place, namespace=namespace, middleware=middleware(), lease=lease)
        except ValueError as error:
            raise ConfigurationError(f"{setting}: expected a Redis URL such as redis://host:6379/0.") from error
        offer_to_command_line(broker)
    if isinstance(broker, RedisTransport):
        return RedisBackend(broker, perform, fail, attempts)
    if not callable(getattr(broker, "enqueue", None)):
        raise ConfigurationError(f"broker: expected a Dramatiq broker or a Redis URL, got {broker!r}.")
    if getattr(broker, "confirm_delivery", True) is False:
        raise ConfigurationError(
            "broker: expected a RabbitmqBroker that waits for confirms, or accepted runs are lost. Write confirm_delivery=True."
        )
    return DramatiqBackend(broker, perform)
