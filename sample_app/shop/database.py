"""Database connections where no web request opens and closes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from dramatiq import Broker, Middleware
from dramatiq.broker import MessageProxy

P = ParamSpec("P")
R = TypeVar("R")


class CloseConnections(Middleware):
    """Closes the connections of a worker's thread that are too old or broken, before and after each message."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """A connection may have broken since the last message."""
        close_old_connections()

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        """An idle thread needs none."""
        close_old_connections()


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that uses the ORM from an async task.

    It runs in a thread of its own, which has connections of its own.
    """

    def call() -> R:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return await sync_to_async(call)()
