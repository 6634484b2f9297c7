"""Keeps what an attempt leaves in its context to that attempt."""

from __future__ import annotations

import contextvars
import decimal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def apart(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function in a copy of the present context: it sees what is there, and what it sets goes with it."""

    def call() -> R:
        own_decimals()
        return function(*args, **kwargs)

    return contextvars.copy_context().run(call)


def own_decimals() -> None:
    """Give the present context a decimal context of its own; a copied context shares the one that it was copied with."""
    decimal.setcontext(decimal.getcontext().copy())


class ContextThreads(ThreadPoolExecutor):
    """Threads that call each function in a copy of the context it comes from, as `asyncio.to_thread` does."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Have a function called."""
        return super().submit(contextvars.copy_context().run, partial(fn, *args, **kwargs))
