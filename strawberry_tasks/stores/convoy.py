"""Sends what several threads want of a server at the same time in one round trip."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ..errors import StoreUnavailableError
from .redis_connections import Command, Connections

Exchange: TypeAlias = "Callable[[Sequence[Command]], list[Any]]"
"""Sends commands, and returns the answer to each."""


class Convoy:
    """One exchange is under way at a time; what threads want meanwhile goes with the next one.

    A lone command goes at once. Where many threads have many short ones, each exchange takes several along, which saves the server
    and this process most of the system calls: they cost more than the commands do.

    One thread answers for all that go with it, so it must not be interrupted from outside: not for code that a time limit covers.

    Args:
        connections: Where the exchanges are made.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._road = threading.Lock()
        self._boarding: _Trip | None = None

    def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands that may be repeated, and return the answer to each; an error of the server is an answer.

        Raises:
            StoreUnavailableError: If the server does not answer.
        """
        with self._lock:
            trip = self._boarding
            leads = trip is None
            if trip is None:
                trip = self._boarding = _Trip()
            seats = slice(len(trip.commands), len(trip.commands) + len(commands))
            trip.commands += commands
        if leads:
            self._lead(trip)
        else:
            with trip.is_under_way:
                pass
        if trip.error is not None:
            raise StoreUnavailableError(str(trip.error)) from trip.error
        return trip.answers[seats]

    def _lead(self, trip: _Trip) -> None:
        try:
            with self._road:
                with self._lock:
                    self._boarding = None
                trip.answers = self._connections.exchange(trip.commands, repeatable=True)
        except BaseException as error:
            trip.error = error
            if not isinstance(error, StoreUnavailableError):
                raise
        finally:
            with self._lock:
                if self._boarding is trip:
                    self._boarding = None
            trip.is_under_way.release()


class _Trip:
    """What goes together."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.answers: list[Any] = []
        self.error: BaseException | None = None
        self.is_under_way = threading.Lock()
        self.is_under_way.acquire()
