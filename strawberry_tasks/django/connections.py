"""Keeps the database connections of threads in order that no web request opens and closes."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import ParamSpec, TypeVar

from asgiref.sync import AsyncToSync, SyncToAsync, sync_to_async
from django.core.cache import caches
from django.db import connections

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


class DatabaseConnections:
    """Closes connections that are broken, or older than ``CONN_MAX_AGE``, before and after each attempt.

    Those that are inside a transaction before, as in a test, are left alone. One that an attempt has left open is rolled back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on_loop = 0

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Look at the connections of this thread, before and after."""
        _close_old()
        _open_caches()
        before = _in_transaction()
        try:
            yield
        finally:
            _give_up(_in_transaction() - before)
            _close_old()

    @asynccontextmanager
    async def on_loop(self) -> AsyncIterator[None]:
        """Look at the connections that async tasks share, before and after: those of the thread of `sync_to_async`."""
        with self._lock:
            self._on_loop += 1
        try:
            await sync_to_async(self._tend)(mine=1)
            yield
        finally:
            with self._lock:
                self._on_loop -= 1
            await sync_to_async(self._tend)(mine=0)

    async def off_loop(self, function: Callable[[], R], otherwise: Callable[[Callable[[], R]], Awaitable[R]]) -> R:
        """Call a function in the thread that Django has for the code that awaits, and its connections; else as otherwise."""
        if _has_thread():
            return await sync_to_async(function)()
        return await otherwise(function)

    def _tend(self, *, mine: int) -> None:
        if self._on_loop <= mine:
            _close_old()
            return
        # Another task may be in the middle of something: only what is of no use to it either is closed.
        for connection in connections.all(initialized_only=True):
            if connection.errors_occurred and not connection.in_atomic_block:
                if connection.is_usable():
                    connection.errors_occurred = False
                else:
                    connection.close()


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that uses the ORM, outside of any request that would look after the connections."""

    def call() -> R:
        with DatabaseConnections().in_thread():
            return function(*args, **kwargs)

    return await sync_to_async(call)()


def _close_old() -> None:
    for connection in connections.all(initialized_only=True):
        # Django takes one inside a transaction for broken.
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def _open_caches() -> None:
    """Make the clients of caches, for this thread; each attempt would make its own, since Django keeps them in the context."""
    for alias in caches:
        with suppress(Exception):  # Who uses it meets the error.
            _ = caches[alias]


def _in_transaction() -> set[str]:
    return {connection.alias for connection in connections.all(initialized_only=True) if connection.in_atomic_block}


def _give_up(aliases: Iterable[str]) -> None:
    """Roll back what an attempt has left open: the next one would write into it, and nothing would ever commit it."""
    for alias in aliases:
        logger.warning("An attempt has left a transaction open on the database %r; it is rolled back.", alias)
        connections[alias].close()
        del connections[alias]


def _has_thread() -> bool:
    """Tell whether `sync_to_async` would use a thread that belongs to this code: of its request, or of a sync caller."""
    if getattr(AsyncToSync.executors, "current", None) is not None:
        return True
    return SyncToAsync.thread_sensitive_context.get(None) is not None
