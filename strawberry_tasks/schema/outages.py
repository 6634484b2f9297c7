"""What clients read of errors that are not meant for them, and what operators are told while the store or the queue is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from graphql import GraphQLError

from ..errors import StoreUnavailableError, StrawberryTasksError, UnforeseenError

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)

PAUSE = timedelta(seconds=10)
"""How long after one line the next one follows at the earliest."""

_OUTAGES: Final = frozenset({"OperationalError", "InterfaceError", "InternalError"})
"""What the drivers of databases call their outages, by PEP 249; so do kombu and Django."""


@contextmanager
def for_clients() -> Iterator[None]:
    """Let out what clients may read, and hide the words of drivers and systems behind a code.

    Raises:
        StoreUnavailableError: Instead of an outage of some other system.
        UnforeseenError: Instead of anything else.
    """
    try:
        yield
    except (GraphQLError, StrawberryTasksError):
        raise
    except _UsersError as error:
        raise error.error from None
    except Exception as error:
        if isinstance(error, OSError) or not _OUTAGES.isdisjoint(kind.__name__ for kind in type(error).__mro__):
            raise StoreUnavailableError(str(error)) from error
        raise UnforeseenError from error


def of_the_users(function: Callable[P, R]) -> Callable[P, R]:
    """Have the errors of a function of the user's own pass `for_clients` as they are."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise _UsersError(error) from error

    return call


class _UsersError(Exception):
    """Carries an error of the user's own through code of ours."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))


class OutageLog:
    """What the clients of one schema were refused."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._untold = 0

    def note(self, error: GraphQLError) -> None:
        """Tell of one error, unless another one was told of just now."""
        now = time.monotonic()
        if now - self._last < PAUSE.total_seconds():
            self._untold += 1
            return
        more = f" So were {self._untold} more since the last time." if self._untold else ""
        self._last, self._untold = now, 0
        field = ".".join(str(step) for step in error.path or ())
        reason = " ".join(str(_reason(error.original_error)).split())
        logger.warning("%s was refused: %s%s", field or "An operation", reason, more)


def _reason(error: BaseException | None) -> BaseException | None:
    """Return the error that names the server; it is among the causes of one that is meant for clients."""
    cause = error
    while cause is not None and not isinstance(cause, StoreUnavailableError):
        cause = cause.__cause__ or cause.__context__
    return cause or (error and error.__cause__) or error
