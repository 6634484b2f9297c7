"""Backends: what carries a run to its function, behind one port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..async_attempts import AsyncAttempts
from ..errors import ConfigurationError
from .base import Backend, Carrier, CeleryApp, Fail, Perform

if TYPE_CHECKING:
    from dramatiq import Broker, Middleware

    from .upkeep import Upkeep


def open_backend(
    name: str | None,
    url: str,
    broker: Broker | CeleryApp | Carrier | str | None,
    *,
    namespace: str,
    lease: timedelta,
    perform: Perform,
    fail: Fail,
    attempts: Callable[[], AsyncAttempts],
    upkeep: Upkeep,
    presence: Middleware,
) -> Backend:
    """Make the backend of that name; it connects to nothing.

    Args:
        name: ``"dramatiq"``, ``"celery"``, ``"django.tasks"``, ``"thread"`` or ``"sync"``; ``None`` picks the one that suits the store.
        url: The store's URL.
        broker: Dramatiq's broker, or the Redis URL of one, by default one at the store's URL; for ``"celery"`` the Celery app, for
            ``"django.tasks"`` what the Django app brings along.
        namespace: The prefix of the broker's keys.
        lease: How long a message is a worker's without a word from it.
        perform: Performs one attempt of a run.
        fail: Ends a run whose message was given up.
        attempts: Returns what performs the async tasks of this process where they need no thread each.
        upkeep: What a worker has looked after.
        presence: What reports a worker of Dramatiq's.

    Raises:
        ConfigurationError: If there is no such backend, or it cannot work with the store.
    """
    # Imported when needed: a client of Redis takes a quarter of the time that Strawberry and Dramatiq take to import, and neither
    # `memory://` nor a schema export wants one.
    in_memory = urlsplit(url).scheme == "memory"
    if name is None:
        name = "thread" if in_memory else "dramatiq"
    if name in {"sync", "thread"}:
        return _local_backend(name, broker, perform=perform, middleware=(presence, upkeep))
    if name == "django.tasks":
        return _carried(broker, in_memory=in_memory, upkeep=upkeep)
    if name not in {"dramatiq", "celery"}:
        raise ConfigurationError(
            f'backend: expected "dramatiq", "celery", "django.tasks", "thread" or "sync", got {name!r}.'
        )
    if in_memory:
        raise ConfigurationError(
            f'backend: expected "thread" or "sync" with memory://, got "{name}": its worker processes could not see the state.'
        )
    if name == "celery":
        return _celery_backend(broker, namespace=namespace, perform=perform, upkeep=upkeep)
    return _dramatiq_backend(
        url,
        broker,
        namespace=namespace,
        lease=lease,
        perform=perform,
        fail=fail,
        attempts=attempts,
        more_middleware=(presence, upkeep),
    )


def _local_backend(name: str, broker: object, *, perform: Perform, middleware: Sequence[Middleware]) -> Backend:
    if broker is not None:
        raise ConfigurationError(f"broker: expected none, since the backend {name!r} has no use for it.")
    if name == "sync":
        from .sync import SyncBackend  # noqa: PLC0415

        return SyncBackend(perform)
    from .thread import ThreadBackend  # noqa: PLC0415

    return ThreadBackend(perform, middleware)


def _carried(carrier: Any, *, in_memory: bool, upkeep: Upkeep) -> Backend:
    if not callable(getattr(carrier, "open_backend", None)):
        raise ConfigurationError(
            'backend: expected STRAWBERRY_TASKS to name "django.tasks", since its workers know the tasks of a Django project alone.'
        )
    if in_memory and not carrier.is_inline:
        raise ConfigurationError(
            'backend: expected a Redis URL with "django.tasks", got memory://: its worker processes could not see the state.'
        )
    return carrier.open_backend(upkeep)  # type: ignore[no-any-return]


def _celery_backend(broker: object, *, namespace: str, perform: Perform, upkeep: Upkeep) -> Backend:
    try:
        from .celery import CeleryBackend  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            'backend: expected Celery to be installed for "celery". Run: pip install "strawberry_tasks[celery]".'
        ) from error
    return CeleryBackend(broker, namespace=namespace, perform=perform, upkeep=upkeep)


def _dramatiq_backend(
    url: str,
    broker: Broker | CeleryApp | Carrier | str | None,
    *,
    namespace: str,
    lease: timedelta,
    perform: Perform,
    fail: Fail,
    attempts: Callable[[], AsyncAttempts],
    more_middleware: Sequence[Middleware],
) -> Backend:
    from .dramatiq import DramatiqBackend, middleware, offer_to_command_line  # noqa: PLC0415
    from .redis import RedisBackend  # noqa: PLC0415
    from .redis_transport import RedisTransport  # noqa: PLC0415
    from .worker_end import PromptEnd  # noqa: PLC0415

    if broker is None or isinstance(broker, str):
        setting, place = ("url", url) if broker is None else ("broker", broker)
        try:
            broker = RedisTransport(place, namespace=namespace, middleware=middleware(), lease=lease)
        except ValueError as error:
            raise ConfigurationError(
                f"{setting}: expected a Redis URL such as redis://host:6379/0, with no option that redis-py does not know."
            ) from error
        offer_to_command_line(broker)
    if isinstance(broker, RedisTransport):
        backend: DramatiqBackend = RedisBackend(broker, perform, fail, attempts)
    else:
        broker = _checked(broker)
        backend = DramatiqBackend(broker, perform)
    for one in (*more_middleware, PromptEnd(backend.end_intake)):
        broker.add_middleware(one)
    return backend


def _checked(broker: Any) -> Broker:
    if not callable(getattr(broker, "enqueue", None)):
        raise ConfigurationError(
            f"broker: expected a Dramatiq broker or a Redis URL, got {broker!r}."
            + (' Write backend="celery" beside it.' if callable(getattr(broker, "send_task", None)) else "")
        )
    if getattr(broker, "confirm_delivery", True) is False:
        raise ConfigurationError(
            "broker: expected a RabbitmqBroker that waits for confirms, or accepted runs are lost. Write confirm_delivery=True."
        )
    return broker  # type: ignore[no-any-return]
