"""Backends: what carries a run to its function, behind one port."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from .base import Backend, Perform

if TYPE_CHECKING:
    from dramatiq import Broker


def open_backend(
    name: str | None, url: str, broker: Broker | str | None, *, namespace: str, perform: Perform
) -> Backend:
    """Make the backend of that name; it connects to nothing.

    Args:
        name: ``"dramatiq"``, ``"thread"`` or ``"sync"``; ``None`` picks the one that suits the store.
        url: The store's URL.
        broker: Dramatiq's broker, or the Redis URL of one; by default one at the store's URL.
        namespace: The prefix of the broker's keys.
        perform: Performs one attempt of a run.

    Raises:
        ConfigurationError: If there is no such backend, or it cannot work with the store.
    """
    # Imported when needed: a client of Redis takes a quarter of the time that Strawberry and Dramatiq take to import, and neither
    # `memory://` nor a schema export wants one.
    in_memory = urlsplit(url).scheme == "memory"
    name = name or ("thread" if in_memory else "dramatiq")
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
    from .dramatiq import DramatiqBackend, offer_to_command_line, redis_broker  # noqa: PLC0415

    if broker is None or isinstance(broker, str):
        broker = redis_broker(broker or url, namespace=f"{namespace}-queue")
        offer_to_command_line(broker)
    return DramatiqBackend(broker, perform)
