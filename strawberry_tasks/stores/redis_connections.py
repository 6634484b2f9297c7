"""Connections of the synchronous store: each exchange borrows one, and sends any number of commands in one round trip."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import hiredis
import redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionInterface
from redis.exceptions import NoScriptError
from redis.retry import Retry

from .redis_link import CONNECTION_OPTIONS, address, encode, ours

Command: TypeAlias = "tuple[str | int | float | bytes, ...]"
"""The words of a command."""

Server: TypeAlias = "tuple[str, int]"
"""A server's address and the number of a database there."""

_pack: Callable[[Command], bytes] = hiredis.pack_command  # type: ignore[assignment]  # its stub takes one word


class Connections:
    """As many connections as threads use at once; kept open, and never shared with a forked child.

    redis-py's own client and pool are passed over for their price: around one small command they take as long as the server
    and the network together, and progress is made of small commands.

    Args:
        url: Where the server is.
        client_name: What the connections are called in ``CLIENT LIST``.
        options: How they differ from others.

    Raises:
        ValueError: If the URL cannot be read, or has options that redis-py does not know.

    Attributes:
        address: The server, for messages.
        server: The server and the database.
    """

    def __init__(self, url: str, *, client_name: str, **options: object) -> None:
        pool = redis.ConnectionPool.from_url(
            url, **{**CONNECTION_OPTIONS, **options}, retry=Retry(NoBackoff(), 0), client_name=client_name
        )
        self.address = address(pool.connection_kwargs)
        self.server: Server = (self.address, int(pool.connection_kwargs.get("db") or 0))
        # The pool has read the URL, and that is all: it would count what it makes, and refuse to make more after the 100th.
        self._make: Callable[[], ConnectionInterface] = partial(pool.connection_class, **pool.connection_kwargs)
        try:
            self._make()
        except TypeError as error:
            raise ValueError("expected options that redis-py knows behind the '?' of a URL.") from error
        self._idle: list[ConnectionInterface] = []
        self._pid = os.getpid()

    def exchange(self, commands: Sequence[Command], *, repeatable: bool) -> list[Any]:
        """Send commands, and return the answer to each; an error of the server is an answer, and one of ours.

        That it does not know a script is a `NoScriptError`.

        Args:
            commands: What to send.
            repeatable: Whether it does no harm to do it twice. An idle connection can turn out to be dead, e.g. after a
                restart of the server; it is then done again over a new one.

        Raises:
            StoreUnavailableError: If the server does not answer.
        """
        try:  # Not `with unavailable(…)`: that takes as long as packing the command.
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
        except (redis.RedisError, OSError) as error:
            # Whatever has cut this one off without a word may have done so to those that are idle: the next try gets a new one.
            self.close()
            raise ours(self.address, error) from error

    def exchange_each(self, batches: Iterable[Sequence[Command]]) -> Iterator[list[Any]]:
        """Send batches of commands over a connection of its own, and return the answers to each.

        While the server works on one batch, the next one is made and sent.

        Raises:
            StoreUnavailableError: If the server does not answer. What has no answer yet may have been done.
        """
        connection = self._make()
        sent: deque[int] = deque()
        try:
            for commands in batches:
                connection.send_packed_command(_packed(commands))  # type: ignore[no-untyped-call]
                sent.append(len(commands))
                if len(sent) > 1:
                    yield [self._answer(connection) for _ in range(sent.popleft())]
            while sent:
                yield [self._answer(connection) for _ in range(sent.popleft())]
        except (redis.RedisError, OSError) as error:
            raise ours(self.address, error) from error
        finally:
            connection.disconnect()  # type: ignore[no-untyped-call]

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
            connection.send_packed_command(_packed(commands))  # type: ignore[no-untyped-call]
            answers = [self._answer(connection) for _ in commands]
        except BaseException:
            # Also when a time limit interrupts the thread: an answer that is still to come belongs to nobody.
            connection.disconnect()  # type: ignore[no-untyped-call]
            raise
        self._idle.append(connection)
        return answers

    def _answer(self, connection: ConnectionInterface) -> Any:
        try:
            return connection.read_response()
        except NoScriptError as error:
            return error
        except redis.ResponseError as error:
            refusal = ours(self.address, error)
            refusal.__cause__ = error
            return refusal


def _is_fresh(connection: ConnectionInterface) -> bool:
    try:
        # Nothing can be read from an idle connection, except its end.
        return not connection.can_read(0)
    except (redis.ConnectionError, OSError):
        return False


def _packed(commands: Sequence[Command]) -> list[bytes]:
    # hiredis itself, and one piece for all: redis-py looks at every word, and makes a system call for each command.
    try:
        return [b"".join(map(_pack, commands))]
    except UnicodeEncodeError:
        # hiredis knows nothing of the connection's encoding.
        encoded = (tuple(encode(word) if isinstance(word, str) else word for word in words) for words in commands)
        return [b"".join(map(_pack, encoded))]


def checked(answers: list[Any]) -> list[Any]:
    """Raise what is an error among answers; return them otherwise."""
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers
