"""Lets a function raise whatever it likes, without an event loop, a future or a queue taking it as meant for itself."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NoReturn, TypeVar

from dramatiq.middleware import Interrupt

from .errors import TaskCanceled

R = TypeVar("R")

OURS = (TaskCanceled, Interrupt)
"""What an attempt is told to stop by; no function's own."""


class Escaped(Exception):  # noqa: N818 - says what happened, and never leaves the lifecycle
    """A function raised what is no `Exception`; it is the cause."""


async def contained(awaitable: Awaitable[R]) -> R:
    """Await, in any event loop.

    Raises:
        Escaped: In place of what is neither an `Exception` nor ours.
    """
    try:
        return await awaitable
    except (Exception, *OURS):
        raise
    except BaseException as error:
        raise Escaped from error


def raised(error: BaseException) -> BaseException:
    """Return what a function has raised itself."""
    return error.__cause__ if isinstance(error, Escaped) and error.__cause__ is not None else error


def reported(error: BaseException) -> Exception:
    """Return an error as a queue may raise it; Celery's processes end themselves by a `MemoryError`, too."""
    if isinstance(error, Exception) and not isinstance(error, MemoryError):
        return error
    report = RuntimeError(f"The task raised {type(error).__name__}.")
    report.__cause__ = error
    return report


def raise_(error: BaseException) -> NoReturn:
    """Raise an error, as if a function had."""
    raise error
