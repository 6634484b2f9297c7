"""What functions may raise beside ordinary exceptions, and what they may leave behind."""

from __future__ import annotations

import asyncio
import decimal
from collections.abc import Callable
from contextvars import ContextVar
from typing import NoReturn

from strawberry_tasks import TaskError


class PanicException(BaseException):
    """As a Rust extension raises it, which is for once no `Exception`."""


class MuteError(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Fleeting(BaseException):
    """Has no text either, and is no `Exception`."""

    def __str__(self) -> str:
        raise PanicException

    __repr__ = __str__


class SealedError(Exception):
    """Cannot be pickled."""

    def __reduce__(self) -> NoReturn:
        raise TypeError("sealed")


class UnspokenError(TaskError):
    """Forgets to tell its base the message."""

    def __init__(self, items: int) -> None:
        self.items = items


def recurse(depth: int = 0) -> BaseException:
    return recurse(depth + 1)


WAYS: dict[str, Callable[[], BaseException]] = {
    "PanicException": lambda: PanicException("index out of bounds"),
    "GeneratorExit": GeneratorExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "SystemExit": lambda: SystemExit(3),
    "CancelledError": asyncio.CancelledError,
    "BaseExceptionGroup": lambda: BaseExceptionGroup("all", [PanicException("one")]),
    "ExceptionGroup": lambda: ExceptionGroup("all", [ValueError("one")]),
    "StopAsyncIteration": StopAsyncIteration,
    "MuteError": MuteError,
    "Fleeting": Fleeting,
    "SealedError": lambda: SealedError("for good"),
    "MemoryError": MemoryError,
    "RecursionError": recurse,
    "AttributeError": lambda: UnspokenError(3),
    "ValueError": lambda: ValueError("x" * 1_000_000),
}
"""Makes what leaves a function, by the name that the run's failure tells."""


def escape(way: str) -> None:
    """Leave in this way."""
    error = WAYS[way]()
    raise error


async def escape_async(way: str) -> None:
    """Leave in this way, on an event loop."""
    await asyncio.sleep(0)
    error = WAYS[way]()
    raise error


TRACE: ContextVar[str] = ContextVar("trace", default="clean")


def trace() -> str:
    """Tell what others have left in the context, and leave something there."""
    found = f"{TRACE.get()} {decimal.getcontext().prec}"
    TRACE.set("dirty")
    decimal.getcontext().prec = 3
    return found


def mark() -> str:
    """Tell what others have left in a thread, and leave something there."""
    found = TRACE.get()
    TRACE.set("dirty")
    return found


async def trace_async() -> str:
    """Do as `trace` on an event loop, and in the threads of its executor."""
    in_thread = await asyncio.get_running_loop().run_in_executor(None, mark)
    found = trace()
    await asyncio.sleep(0)
    assert (in_thread, TRACE.get(), decimal.getcontext().prec) == ("clean", "dirty", 3)
    return found
