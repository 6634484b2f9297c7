"""The live link to Redis: one subscribed connection, and one to read with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import redis.asyncio
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ..errors import StoreUnavailableError
from .base import Changed, Confirmed
from .records import Reading, UnreadableLog
from .redis_link import CONNECTION_OPTIONS, TIMEOUT, address, client_name, encode, ours, unavailable
from .redis_record import FIELDS, reading

QUIET: Final = 2.0
"""Seconds of silence after which the server is asked whether it is there; it then has `redis_link.TIMEOUT` to answer."""

_ANY_VERSION: Final = sys.maxsize
"""What is taken for the version in a notice that does not tell it: the run is read then."""


class RedisFeed:
    """A link to a `RedisStore`.

    It drives a bare connection: redis-py's ``PubSub`` reconnects without a word, and what was published meanwhile is lost.

    Args:
        url: Where the server is.
        namespace: The prefix of every key and channel.
        key: Tells the key of a run's record.
        unreadable: Tells of records that cannot be read.
    """

    def __init__(self, url: str, *, namespace: str, key: Callable[[str], str], unreadable: UnreadableLog) -> None:
        self._url = url
        self._namespace = namespace
        self._prefix = f"{namespace}:"
        self._key = key
        self._unreadable = unreadable
        self._connection: AbstractConnection | None = None
        self._reader: redis.asyncio.Redis | None = None
        self._address = ""

    async def connect(self) -> None:
        """Open the link."""
        pool = self._pool("feed")
        self._address = address(pool.connection_kwargs)
        self._reader = redis.asyncio.Redis.from_pool(self._pool("reader"))
        self._connection = pool.make_connection()  # type: ignore[no-untyped-call]
        with unavailable(self._address):
            await self._connection.connect()
        # A server that still loads takes subscriptions, and knows no run.
        await self.read([""])

    async def attach(self, *topics: str) -> None:
        """Ask for the changes of these topics."""
        await self._send("SUBSCRIBE", *(encode(self._prefix + topic) for topic in topics))

    async def detach(self, *topics: str) -> None:
        """Stop asking for the changes of these topics."""
        await self._send("UNSUBSCRIBE", *(encode(self._prefix + topic) for topic in topics))

    async def receive(self) -> Confirmed | Changed:
        """Wait for the next event."""
        while True:
            event = self._event(await self._next_answer())
            if event is not None:
                return event

    async def read(self, run_ids: Sequence[str]) -> list[Reading]:
        """Return the present state of each run, ``None`` where there is none, an error where it cannot be read."""
        if self._reader is None:
            raise self._closed()
        with unavailable(self._address):
            async with self._reader.pipeline(transaction=False) as pipeline:
                for run_id in run_ids:
                    pipeline.hmget(encode(self._key(run_id)), FIELDS)
                rows = await pipeline.execute(raise_on_error=False)
        return [self._reading(run_id, row) for run_id, row in zip(run_ids, rows, strict=True)]

    async def aclose(self) -> None:
        """Close the link."""
        connection, self._connection = self._connection, None
        reader, self._reader = self._reader, None
        with unavailable(self._address):
            if connection is not None:
                await connection.disconnect(nowait=True)
            if reader is not None:
                await reader.aclose()

    async def _next_answer(self) -> Any:
        with unavailable(self._address):
            answer = await self._read_within(QUIET)
            if answer is None:
                await self._send("PING")
                answer = await self._read_within(TIMEOUT)
            if answer is None:
                raise StoreUnavailableError(f"The task store at {self._address} stopped answering.")
            return answer

    async def _read_within(self, seconds: float) -> Any:
        if self._connection is None:
            raise self._closed()
        # Not disconnected on an error: a connection that is closed would silently be opened again by the next command.
        return await self._connection.read_response(timeout=seconds, disconnect_on_error=False)

    async def _send(self, *words: str | bytes) -> None:
        connection = self._connection
        if connection is None or not connection.is_connected:
            raise self._closed()
        with unavailable(self._address):
            await connection.send_command(*words)

    def _reading(self, run_id: str, row: Any) -> Reading:
        read = reading(run_id, ours(self._address, row) if isinstance(row, Exception) else row)
        self._unreadable.note(read)
        return read

    def _event(self, answer: Any) -> Confirmed | Changed | None:
        if not isinstance(answer, list) or not isinstance(answer[1], str):
            return None
        kind, channel, *rest = answer
        topic = channel.removeprefix(self._prefix)
        if kind == "subscribe":
            return Confirmed(topic)
        return _changed(topic, str(rest[0])) if kind == "message" else None

    def _pool(self, role: str) -> redis.asyncio.ConnectionPool:
        return redis.asyncio.ConnectionPool.from_url(
            self._url,
            **CONNECTION_OPTIONS,
            retry=Retry(NoBackoff(), 0),
            client_name=client_name(self._namespace, role),
        )

    def _closed(self) -> StoreUnavailableError:
        return StoreUnavailableError("The feed of the task store is closed.")


def _changed(topic: str, notice: str) -> Changed | None:
    """Read a notice; of one in a form of another version, what it says of a run that the topic names: that there is news."""
    words = notice.split(" ")
    if len(words) > 1 and words[1].isdecimal():
        return Changed(topic=topic, run_id=words[0], version=int(words[1]))
    kind, _, run_id = topic.partition(":")
    return Changed(topic=topic, run_id=run_id, version=_ANY_VERSION) if kind == "run" else None
