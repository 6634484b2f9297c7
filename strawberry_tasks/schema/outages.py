"""Tells operators that the store or the queue is away: in one line now and then, however many clients are refused."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from graphql import GraphQLError

from ..errors import StoreUnavailableError

logger = logging.getLogger(__name__)

PAUSE = timedelta(seconds=10)
"""How long after one line the next one follows at the earliest."""


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
