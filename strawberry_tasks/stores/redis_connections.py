"""Connections of the synchronous store: each exchange borrows one, and sends any number of commands in one round trip."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionInterface
from redis.retry import Retry

from .redis_link import CONNECTION_OPTIONS, address, encode, unavailable

Command: TypeAlias = "tuple[str | int | float | bytes, ...]"
"""The words of a command."""

Server: TypeAlias = "tuple[str, int]"
"""A server's address and the number of a database there."""


class Connections:
    """As many connections as threads use at once; kept open, and never shared with a forked child.

    redis-py's own client and pool are passed over for their price: around one small command they take as long as the server
    and the network together, and progress is made of small commands.

    Args:
        url: Where the server is.
        client_name: What the connections are called in ``CLIENT LIST``.
        options: How they differ from others.

    Attributes:
        address: The server, for messages.
        server: The server and the database.
    """

    def __init__(self, url: str, *, client_name: str, **options: object) -> None:
        pool = redis.ConnectionPool.from_url(
            url, **{**CONNECTION_OPTIONS, **options}, retry=Retry(NoBackoff(), 0), client_name=client_name
        )
        self.address = address(pool.connection_kwargs)
        # The pool has read the URL, and that is all: it would count what it makes, and refuse to make more after the 100th.
        self._make: Callable[[], ConnectionInterface] = partial(pool.connection_class, **pool.connection_kwargs)
        self.server: Server = (self.address, int(pool.connection_kwargs.get("db") or 0))
        self._idle: list[ConnectionInterface] = []
        self._pid = os.getpid()

    def exchange(self, commands: Sequence[Command], *, repeatable: bool) -> list[Any]:
        """Send commands, and return the answer to each; an error of the server is an answer.

        Args:
            commands: What to send.
            repeatable: Whether it does no harm to do it twice. An idle connection can turn out to be dead, e.g. after a
                restart of the server; it is then done again over a new one.

        Raises:
            StoreUnavailableError: If the server does not answer.
        """
        with unavailable(self.address):
            connection = self._borrow()
            if connection is not None:
                try:
                    if repeatable or _is_fresh(connection):
                        return self._exchange(connection, commands)
                except redis.ConnectionError:
                    if not repeatable:
                        raise
                # It is dead, and the others are as old.
                connection.disconnect()  # type: ignore[no-untyped-call]
                self.close()
            return self._exchange(self._make(), commands)

    def close(self) -> None:
        """Close all that are idle."""
        while (connection := self._borrow()) is not None:
            connection.disconnect()  # type: ignore[no-untyped-call]

    def _borrow(self) -> ConnectionInterface | None:
        if self._pid != os.getpid():
            self._idle, self._pid = [], os.getpid()
        try:
            # Last in, first out, so that no more are open than are needed at once. Both ends are atomic.
            return self._idle.pop()
        except IndexError:
            return None

    def _exchange(self, connection: ConnectionInterface, commands: Sequence[Command]) -> list[Any]:
        try:
            connection.send_packed_command(_packed(connection, commands))  # type: ignore[no-untyped-call]
            answers = [_answer(connection) for _ in commands]
        except BaseException:
            # Also when a time limit interrupts the thread: an answer that is still to come belongs to nobody.
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise
        self._idle.append(connection)
        return answers


def _is_fresh(connection: ConnectionInterface) -> bool:
    try:
        # Nothing can be read from an idle connection, except its end.
        return not connection.can_read(0)
    except (redis.ConnectionError, OSError):
        return False


def _packed(connection: ConnectionInterface, commands: Sequence[Command]) -> Sequence[bytes]:
    try:
        return [part for words in commands for part in connection.pack_command(*words)]  # type: ignore[no-untyped-call]
    except UnicodeEncodeError:
        # hiredis packs text its own way, and knows nothing of the connection's encoding.
        encoded = [[encode(word) if isinstance(word, str) else word for word in words] for words in commands]
        return [part for words in encoded for part in connection.pack_command(*words)]  # type: ignore[no-untyped-call]


def _answer(connection: ConnectionInterface) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error
