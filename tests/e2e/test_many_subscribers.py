"""One web process serves a thousand subscribers on a hundred running tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any

import pytest
import redis

from tests.apps.scenarios import Gate
from tests.graphql_socket import GraphQLSocket, graphql_socket
from tests.sites import Site, running_site

RUNS = 100
SUBSCRIBERS = 1000
SOCKETS = 50

PACE = 0.5
"""Seconds between two steps of a run; each one is an event for ten subscribers."""
WATCH = "subscription ($id: ID!) { taskProgress(taskId: $id) { id status isTerminal version progressCurrent } }"


@pytest.fixture
def busy_site(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A web process, and a worker process that performs all the runs at the same time."""
    with running_site(redis_url, tmp_path_factory.mktemp("busy"), threads=RUNS) as site:
        yield site


class Watcher:
    """One subscriber: what it has seen of its run."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.states: list[dict[str, Any]] = []
        self.has_seen_progress = asyncio.Event()

    async def watch(self, socket: GraphQLSocket) -> None:
        """Watch until the stream completes."""
        async for event in await socket.execute(WATCH, id=self.run_id):
            self.states.append(event["taskProgress"])
            if event["taskProgress"]["progressCurrent"]:
                self.has_seen_progress.set()


async def test_everybody_gets_the_end(busy_site: Site, gate: Gate) -> None:
    """All have the terminal state exactly once and last, in rising versions, over one subscribed connection of the web process."""
    count = busy_site.scenarios.count_async
    ids = [(await count.aenqueue(gate=gate.path, pace=PACE)).id for _ in range(RUNS)]
    watchers = [Watcher(ids[number % RUNS]) for number in range(SUBSCRIBERS)]

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group, asyncio.timeout(90):
        url = f"{busy_site.websocket_url}/graphql/"
        sockets = [await stack.enter_async_context(graphql_socket(url)) for _ in range(SOCKETS)]
        for number, watcher in enumerate(watchers):
            group.create_task(watcher.watch(sockets[number % SOCKETS]))
        for watcher in watchers:
            await watcher.has_seen_progress.wait()
        topics = _topics_by_connection(busy_site)
        gate.open()

    assert {watcher.run_id for watcher in watchers} == set(ids)
    for watcher in watchers:
        assert {state["id"] for state in watcher.states} == {watcher.run_id}
        assert all(before["version"] < after["version"] for before, after in pairwise(watcher.states))
        assert [state["isTerminal"] for state in watcher.states] == [*[False] * (len(watcher.states) - 1), True]
        assert watcher.states[-1]["status"] == "COMPLETED"
    # The worker's own listens for requests to cancel.
    assert topics == [1, RUNS]


def _topics_by_connection(site: Site) -> list[int]:
    """Return to how many topics each subscribed connection of the site has subscribed; each shows the namespace as its name."""
    with redis.Redis.from_url(site.settings.url) as client:
        clients = client.client_list()
    ours = (int(one["sub"]) for one in clients if one["name"].startswith(f"{site.settings.namespace}:"))
    return sorted(count for count in ours if count > 0)
