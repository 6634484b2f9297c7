"""A web process dies with its websockets; clients come again, say what they know, and get the rest."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from strawberry_tasks import Handle
from tests.apps.scenarios import Gate, Scenarios
from tests.apps.settings import Settings
from tests.graphql_socket import graphql_socket
from tests.processes import wait_until
from tests.programs import Web, Worker

WATCH = """
subscription ($id: ID!, $after: Int) { taskProgress(taskId: $id, after: $after) { status isTerminal version } }
"""
CLIENTS = 5

State = dict[str, Any]


@pytest.fixture
def settings(redis_url: str, namespace: str, tmp_path: Path) -> Settings:
    """Where the processes meet."""
    return Settings(url=redis_url, namespace=namespace, uploads=tmp_path / "uploads")


@pytest.fixture
def web(settings: Settings, tmp_path: Path) -> Iterator[Web]:
    """A web process, with a worker beside it."""
    environment = settings.environment
    with ExitStack() as stack:
        stack.enter_context(Worker("tests.apps.scenarios_worker", environment=environment, log=tmp_path / "worker.log"))
        web = Web("tests.apps.web:app", environment=environment, log=tmp_path / "web.log")
        yield stack.enter_context(web)


@pytest.fixture
def handle(settings: Settings, web: Web, gate: Gate) -> Iterator[Handle[int]]:
    """A run that reports until the gate opens."""
    tasks = settings.make_tasks()
    yield Scenarios(tasks).count_async.enqueue(gate=gate.path)
    tasks.close()


async def test_clients_go_on_where_they_were(web: Web, handle: Handle[int], gate: Gate) -> None:
    """Over both connections each client gets rising versions, and the terminal state once and last."""
    seen: list[list[State]] = [[] for _ in range(CLIENTS)]
    async with asyncio.TaskGroup() as group:
        for states in seen:
            group.create_task(_watch_until_lost(web, handle, states))
        await _until(lambda: all(len(states) > 3 for states in seen), "some progress")
        await _kill(web)

    await asyncio.to_thread(web.restart)
    # The run is still at it: what comes now is news.
    async with asyncio.TaskGroup() as group:
        known = [len(states) for states in seen]
        for states in seen:
            group.create_task(_watch(web, handle, states, after=states[-1]["version"]))
        await _until(lambda: all(len(now) > before for now, before in zip(seen, known, strict=True)), "news")
        gate.open()

    for states in seen:
        _assert_complete(states)


async def test_clients_get_the_end_that_came_meanwhile(web: Web, handle: Handle[int], gate: Gate) -> None:
    """A run that ended while there was no web process yields its end to those who come again."""
    states: list[State] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch_until_lost(web, handle, states))
        await _until(lambda: len(states) > 3, "some progress")
        await _kill(web)

    gate.open()
    await _until(lambda: handle.refresh().is_terminal, "the end")
    await asyncio.to_thread(web.restart)
    known = len(states)
    await _watch(web, handle, states, after=states[-1]["version"])

    assert len(states) == known + 1
    _assert_complete(states)


async def test_clients_that_know_the_end_are_told_nothing_twice(web: Web, handle: Handle[int], gate: Gate) -> None:
    """Who got the end, and lost the connection before the stream was over, finds the stream over."""
    gate.open()
    states: list[State] = []
    await _watch(web, handle, states)
    await _kill(web)

    await asyncio.to_thread(web.restart)
    await _watch(web, handle, states, after=states[-1]["version"])

    _assert_complete(states)


async def _watch(web: Web, handle: Handle[int], states: list[State], *, after: int | None = None) -> None:
    async with graphql_socket(f"{web.websocket_url}/graphql/") as socket:
        async for event in await socket.execute(WATCH, id=handle.id, after=after):
            states.append(event["taskProgress"])  # noqa: PERF401 - others look at the list meanwhile


async def _watch_until_lost(web: Web, handle: Handle[int], states: list[State]) -> None:
    with pytest.raises(ConnectionError):
        await _watch(web, handle, states)


async def _kill(web: Web) -> None:
    web.send_signal(signal.SIGKILL)
    await _until(web.has_ended, "the end of the web process")


async def _until(condition: Any, what: str) -> None:
    await asyncio.to_thread(wait_until, condition, what)


def _assert_complete(states: list[State]) -> None:
    assert all(before["version"] < after["version"] for before, after in pairwise(states))
    assert [state["isTerminal"] for state in states] == [*[False] * (len(states) - 1), True]
    assert states[-1]["status"] == "COMPLETED"
