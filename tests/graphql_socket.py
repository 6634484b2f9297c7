"""A GraphQL client over one websocket, in either protocol, with any number of operations at a time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from tests.patience import SECONDS

TRANSPORT_WS = "graphql-transport-ws"
LEGACY_WS = "graphql-ws"

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Words:
    """How a protocol calls its messages."""

    start: str
    event: str
    stop: str


_WORDS = {
    TRANSPORT_WS: _Words("subscribe", "next", "complete"),
    LEGACY_WS: _Words("start", "data", "stop"),
}


class OperationError(Exception):
    """The server refused an operation, or an event had errors.

    Attributes:
        codes: The ``extensions.code`` of each.
        paths: The path of each.
    """

    def __init__(self, errors: list[Any]) -> None:
        super().__init__("; ".join(str(error.get("message")) for error in errors))
        self.codes = [error.get("extensions", {}).get("code") for error in errors]
        self.paths = [error.get("path") for error in errors]


class Operation:
    """One operation on a socket; iterate over it for the data of its events."""

    def __init__(self, socket: GraphQLSocket, key: str) -> None:
        self._socket = socket
        self._key = key
        self._messages: asyncio.Queue[Message] = asyncio.Queue()

    def __aiter__(self) -> Operation:
        return self

    async def __anext__(self) -> dict[str, Any]:
        async with asyncio.timeout(SECONDS):
            message = await self._messages.get()
        payload = message.get("payload")
        if message["type"] == "complete":
            raise StopAsyncIteration
        if message["type"] == "error":
            raise OperationError(payload if isinstance(payload, list) else [payload])
        if message["type"] == "lost":
            raise ConnectionError("the websocket was closed")
        assert isinstance(payload, dict), message
        if payload.get("errors"):
            raise OperationError(payload["errors"])
        data: dict[str, Any] = payload["data"]
        return data

    def take(self, message: Message) -> None:
        """Take a message of the server."""
        self._messages.put_nowait(message)

    async def stop(self) -> None:
        """Tell the server that nobody listens any more."""
        await self._socket.stop(self._key)


class GraphQLSocket:
    """An open connection. `graphql_socket` makes one."""

    def __init__(self, connection: ClientConnection) -> None:
        assert connection.subprotocol is not None, "the server speaks no GraphQL"
        self._connection = connection
        self._words = _WORDS[connection.subprotocol]
        self._keys = map(str, itertools.count(1))
        self._operations: dict[str, Operation] = {}

    async def greet(self) -> None:
        """Open the conversation."""
        await self._send({"type": "connection_init", "payload": {}})
        answer = json.loads(await self._connection.recv())
        assert answer["type"] == "connection_ack", answer

    async def read(self) -> None:
        """Hand each message to its operation until the connection is closed."""
        # A server that is killed says no goodbye.
        with contextlib.suppress(ConnectionClosedError):
            async for text in self._connection:
                message = json.loads(text)
                if message.get("id") in self._operations:
                    self._operations[message["id"]].take(message)
                elif message["type"] == "ping":
                    await self._send({"type": "pong"})
        for operation in self._operations.values():
            operation.take({"type": "lost"})

    async def execute(self, document: str, /, **variables: Any) -> Operation:
        """Start an operation."""
        key = next(self._keys)
        operation = self._operations[key] = Operation(self, key)
        payload = {"query": document, "variables": variables}
        await self._send({"id": key, "type": self._words.start, "payload": payload})
        return operation

    async def stop(self, key: str) -> None:
        """End an operation."""
        await self._send({"id": key, "type": self._words.stop})

    def pause(self) -> None:
        """Read nothing more from the network."""
        self._connection.transport.pause_reading()

    def read_on(self) -> None:
        """Go on after `pause`."""
        self._connection.transport.resume_reading()

    async def drop(self) -> None:
        """Lose the connection without a word."""
        self._connection.transport.abort()
        await self._connection.wait_closed()

    async def _send(self, message: Message) -> None:
        await self._connection.send(json.dumps(message))


@asynccontextmanager
async def graphql_socket(
    url: str,
    *,
    protocol: str = TRANSPORT_WS,
    user: str | None = None,
    headers: Mapping[str, str] | None = None,
    compression: str | None = "deflate",
) -> AsyncIterator[GraphQLSocket]:
    """Open a GraphQL websocket for the block.

    Args:
        url: Where GraphQL is served, ``ws://…``.
        protocol: The subprotocol.
        user: Who is signed in, as the test applications understand it.
        headers: More for the handshake.
        compression: What the client offers.
    """
    all_headers = {**({"X-User": user} if user else {}), **(headers or {})}
    protocols = [Subprotocol(protocol)]
    async with connect(
        url, subprotocols=protocols, additional_headers=all_headers, compression=compression
    ) as connection:
        socket = GraphQLSocket(connection)
        await socket.greet()
        reader = asyncio.create_task(socket.read())
        try:
            yield socket
        finally:
            reader.cancel()
