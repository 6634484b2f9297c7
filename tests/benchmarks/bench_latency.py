"""How long a progress call in a worker process takes to reach a subscriber in another process.

The task calls `progress()` and publishes a bare Redis message in turns, each with the time in it. This process takes the one
from a handle's `updates()`, or as a client from a ``graphql-transport-ws`` websocket of a web process; and the other from a bare
subscription with redis-py. Calls are far enough apart that none is merged with another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import redis.asyncio
import websockets
from report import percentile, show
from server import fresh_namespace, redis_url
from workers import configure, web, workers

from strawberry_tasks.handle import Handle

CALLS = 300
IGNORED = 20
"""So many of the first calls only warm up."""

SUBSCRIPTION = "subscription ($id: ID!) { taskProgress(taskId: $id) { version isTerminal progressMessage } }"


def main() -> None:
    """Measure and print."""
    with redis_url() as url, fresh_namespace(url) as namespace:
        configure(url, namespace)
        with workers(1, threads=2, queues=["timed"]), web(port := _free_port()):
            figures = asyncio.run(_measure(url, f"ws://127.0.0.1:{port}/"))
    rows = [[name, percentile(values, 50), percentile(values, 99), len(values)] for name, values in figures.items()]
    show("From the worker to another process, ms", ["", "p50", "p99", "events"], rows)


async def _measure(url: str, websocket: str) -> dict[str, list[float]]:
    from tracked import BARE_CHANNEL, report_times, tasks  # noqa: PLC0415 - it reads what `configure` has set

    figures: dict[str, list[float]] = {}
    await _wait_for(websocket)
    ways: dict[str, Callable[[str], AsyncIterator[str]]] = {
        "updates()": lambda run_id: _handle_messages(tasks.handle(run_id)),
        "graphql-transport-ws": lambda run_id: _client_messages(websocket, run_id),
    }
    for name, watch in ways.items():
        async with _bare(url, BARE_CHANNEL) as bare:
            handle = await report_times.aenqueue(calls=CALLS)
            ages = [time.monotonic() - float(message) async for message in watch(handle.id)]
        figures.setdefault("bare Redis pub/sub", []).extend(bare[IGNORED:])
        figures[name] = ages[IGNORED:]
    tasks.close()
    return {name: [1000 * age for age in ages] for name, ages in figures.items()}


async def _handle_messages(handle: Handle[Any]) -> AsyncIterator[str]:
    async for state in handle.updates():
        if state.progress_message and not state.is_terminal:
            yield state.progress_message


async def _client_messages(url: str, run_id: str) -> AsyncIterator[str]:
    async with _connected(url) as client:
        payload = {"query": SUBSCRIPTION, "variables": {"id": run_id}}
        await client.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        async for text in client:
            message = json.loads(text)
            if message["type"] == "complete":
                return
            state = message["payload"]["data"]["taskProgress"]
            if state["progressMessage"] and not state["isTerminal"]:
                yield state["progressMessage"]


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[websockets.ClientConnection]:
    async with websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as client:
        await client.send(json.dumps({"type": "connection_init"}))
        await client.recv()
        yield client


@contextlib.asynccontextmanager
async def _bare(url: str, channel: str) -> AsyncIterator[list[float]]:
    ages: list[float] = []
    async with (
        redis.asyncio.Redis.from_url(url, socket_timeout=None) as client,
        client.pubsub(ignore_subscribe_messages=True) as pubsub,
    ):
        await pubsub.subscribe(channel)

        async def receive() -> None:
            async for message in pubsub.listen():
                age = time.monotonic() - float(message["data"])
                ages.append(age)

        receiver = asyncio.create_task(receive())
        yield ages
        receiver.cancel()
        await asyncio.wait([receiver])


async def _wait_for(url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(OSError):
                async with _connected(url):
                    return
            await asyncio.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
