"""The transport's connections: one to call scripts with, and one for each sleeper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any, Final

from dramatiq.errors import ConnectionClosed
from redis.exceptions import NoScriptError

from ...errors import StoreUnavailableError
from ...stores.convoy import Convoy, Exchange
from ...stores.redis_connections import Command, Connections, Server
from ...stores.redis_link import TIMEOUT, client_name, redis_url, unavailable
from ...stores.redis_script import Call

LONGEST_SLEEP: Final = 1.0
"""Seconds after which a sleeper looks whether there is something to do, even if nobody woke it."""


class Link:
    """Calls scripts; any thread may use it, and a forked child gets connections of its own.

    Args:
        url: Where the server is.
        namespace: Stands in the names of the connections.
    """

    def __init__(self, url: str, *, namespace: str) -> None:
        self._url = redis_url(url)
        self._name = client_name(namespace, "queue")
        # Messages are bytes: Dramatiq's encoder may be any.
        self._connections = Connections(self._url, client_name=self._name, decode_responses=False)
        self._send: Exchange = partial(self._connections.exchange, repeatable=True)
        self._convoy = Convoy(self._connections)

    @property
    def server(self) -> Server:
        """The server and the database."""
        return self._connections.server

    def call(self, call: Call, *, repeatable: bool = True) -> Any:
        """Call a script.

        Raises:
            ConnectionClosed: If the server does not answer, or takes no writes.
        """
        return self.call_each([call], repeatable=repeatable)[0]

    def call_along(self, call: Call) -> Any:
        """Call a script that may be repeated, in one round trip with those that other threads call; see `Convoy`.

        Raises:
            ConnectionClosed: If the server does not answer, or takes no writes.
        """
        return self._call_by(self._convoy.exchange, [call])[0]

    def call_each(self, calls: Sequence[Call], *, repeatable: bool = True) -> list[Any]:
        """Call scripts in one round trip.

        Raises:
            ConnectionClosed: If the server does not answer, or takes no writes; nothing is known about any call.
        """
        return self._call_by(partial(self._connections.exchange, repeatable=repeatable), calls)

    def _call_by(self, exchange: Exchange, calls: Sequence[Call]) -> list[Any]:
        answers = _exchanged(exchange, [call.command for call in calls])
        if not any(isinstance(answer, Exception) for answer in answers):
            return answers
        missing = [position for position, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if missing:
            again = [calls[position] for position in missing]
            loaded = {call.script.sha: call.script.text for call in again}
            commands: list[Command] = [("SCRIPT", "LOAD", text) for text in loaded.values()]
            commands += [call.command for call in again]
            answers_again = _exchanged(exchange, commands)[len(loaded) :]
            for position, answer in zip(missing, answers_again, strict=True):
                answers[position] = answer
        return self._checked(answers)

    def call_batches(self, batches: Iterable[Sequence[Call]]) -> Iterator[Any]:
        """Call scripts, all or none of each batch, and yield the answers.

        While the server works on one batch, the next one is made, and the answers to the last one are taken.

        Raises:
            ConnectionClosed: If the server does not answer, or takes no writes; the batches before are done.
        """
        source = iter(batches)
        batch, following = next(source, None), next(source, None)
        if batch is None:
            return
        if following is None and len(batch) == 1:
            yield self.call(batch[0])
        elif following is None:
            yield from self._answers_of_all(_exchanged(self._send, _all_or_none(batch)))
        else:
            with _closed():
                for each in self._connections.exchange_each(map(_all_or_none, chain((batch, following), source))):
                    yield from self._answers_of_all(each)

    def _answers_of_all(self, answers: list[Any]) -> list[Any]:
        # One that could not be queued says why; EXEC only that there was one.
        transaction = self._checked(answers)[-1]
        return self._checked(transaction)

    def send(self, *words: str | int | bytes) -> Any:
        """Send a command that may be repeated.

        Raises:
            ConnectionClosed: If the server does not answer.
        """
        return self._checked(_exchanged(self._send, [words]))[0]

    def sleeper(self) -> Sleeper:
        """Make a sleeper; it connects when it first sleeps."""
        return Sleeper(self._url, client_name=self._name)

    def close(self) -> None:
        """Give back connections; it can be used again and reconnects."""
        self._connections.close()

    def _checked(self, answers: list[Any]) -> list[Any]:
        for answer in answers:
            if isinstance(answer, Exception):
                # Those inside a transaction are as the server sent them.
                with _closed(), unavailable(self._connections.address):
                    raise answer
        return answers


class Sleeper:
    """Sleeps until a token is pushed to a list, over a connection of its own; belongs to one thread."""

    def __init__(self, url: str, *, client_name: str) -> None:
        # The answer comes after the sleep.
        self._connections = Connections(url, client_name=client_name, socket_timeout=LONGEST_SLEEP + TIMEOUT)

    def sleep(self, key: str, seconds: float) -> None:
        """Return after so many seconds, or `LONGEST_SLEEP`, or when there is a token.

        Raises:
            ConnectionClosed: If the server does not answer.
        """
        # Redis takes 0 for ever.
        bound = max(0.001, min(seconds, LONGEST_SLEEP))
        with _closed():
            (answer,) = self._connections.exchange([("BLPOP", key, f"{bound:.3f}")], repeatable=True)
        if isinstance(answer, Exception):
            raise ConnectionClosed(str(answer)) from answer  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Give back the connection."""
        self._connections.close()


def _all_or_none(calls: Sequence[Call]) -> list[Command]:
    loaded = {call.script.sha: call.script.text for call in calls}
    return [
        *(("SCRIPT", "LOAD", text) for text in loaded.values()),
        ("MULTI",),
        *(call.command for call in calls),
        ("EXEC",),
    ]


def _exchanged(exchange: Exchange, commands: Sequence[Command]) -> list[Any]:
    try:  # Not `with _closed()`: most of it would be the context manager.
        return exchange(commands)
    except StoreUnavailableError as error:
        raise ConnectionClosed(str(error)) from error  # type: ignore[no-untyped-call]


@contextmanager
def _closed() -> Iterator[None]:
    try:
        yield
    except StoreUnavailableError as error:
        raise ConnectionClosed(str(error)) from error  # type: ignore[no-untyped-call]
