"""The transport's connections: one to call scripts with, and one for each sleeper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import redis
from dramatiq.errors import ConnectionClosed
from redis.exceptions import NoScriptError

from ...errors import StoreUnavailableError
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

    def call_each(self, calls: Sequence[Call], *, repeatable: bool = True) -> list[Any]:
        """Call scripts in one round trip.

        Raises:
            ConnectionClosed: If the server does not answer, or takes no writes; nothing is known about any call.
        """
        answers = self._exchange([call.command for call in calls], repeatable=repeatable)
        missing = [position for position, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if missing:
            again = [calls[position] for position in missing]
            loaded = {call.script.sha: call.script.text for call in again}
            commands: list[Command] = [("SCRIPT", "LOAD", text) for text in loaded.values()]
            commands += [call.command for call in again]
            answers_again = self._exchange(commands, repeatable=repeatable)[len(loaded) :]
            for position, answer in zip(missing, answers_again, strict=True):
                answers[position] = answer
        return self._checked(answers)

    def call_batches(self, batches: Iterable[Sequence[Call]]) -> list[Any]:
        """Call scripts, all or none of each batch, and return all answers. A batch is made while another one is under way.

        Raises:
            ConnectionClosed: If the server does not answer, or takes no writes; the batches before are done.
        """
        source = iter(batches)
        batch, following = next(source, None), next(source, None)
        if batch is None:
            return []
        if following is None:
            return [self.call(batch[0])] if len(batch) == 1 else self._call_all(batch)
        answers: list[Any] = []
        with ThreadPoolExecutor(1, thread_name_prefix="strawberry-tasks-enqueue") as executor:
            sent = [executor.submit(self._call_all, each) for each in (batch, following)]
            try:
                for each in source:
                    answers += sent.pop(0).result()
                    sent.append(executor.submit(self._call_all, each))
                for future in sent:
                    answers += future.result()
            finally:
                executor.shutdown(cancel_futures=True)
        return answers

    def _call_all(self, calls: Sequence[Call]) -> list[Any]:
        loaded = {call.script.sha: call.script.text for call in calls}
        commands: list[Command] = [("SCRIPT", "LOAD", text) for text in loaded.values()]
        commands += [("MULTI",), *(call.command for call in calls), ("EXEC",)]
        answers: list[Any] = self._checked(self._exchange(commands, repeatable=True)[-1:])[0]
        return self._checked(answers)

    def send(self, *words: str | int) -> Any:
        """Send a command that may be repeated.

        Raises:
            ConnectionClosed: If the server does not answer.
        """
        return self._checked(self._exchange([words], repeatable=True))[0]

    def sleeper(self) -> Sleeper:
        """Make a sleeper; it connects when it first sleeps."""
        return Sleeper(self._url, client_name=self._name)

    def close(self) -> None:
        """Give back connections; it can be used again and reconnects."""
        self._connections.close()

    def _exchange(self, commands: Sequence[Command], *, repeatable: bool) -> list[Any]:
        with _closed():
            return self._connections.exchange(commands, repeatable=repeatable)

    def _checked(self, answers: list[Any]) -> list[Any]:
        for answer in answers:
            if isinstance(answer, Exception):
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
        if isinstance(answer, redis.ResponseError):
            raise ConnectionClosed(str(answer)) from answer  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Give back the connection."""
        self._connections.close()


@contextmanager
def _closed() -> Iterator[None]:
    try:
        yield
    except StoreUnavailableError as error:
        raise ConnectionClosed(str(error)) from error  # type: ignore[no-untyped-call]
