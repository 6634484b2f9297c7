"""A client that stops reading its websocket delays nobody, and the server keeps no list of what it has missed."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest

from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores import open_store
from strawberry_tasks.stores.base import Change, NewRun, Store
from tests.graphql_socket import graphql_socket
from tests.sites import Site

COPIES = " ".join(f"copy{number}: progressMessage" for number in range(10))
WATCH = (
    f"subscription ($id: ID!) {{ taskProgress(taskId: $id) {{ status isTerminal version progressMessage {COPIES} }} }}"
)
STATES = 300
MESSAGE = secrets.token_hex(4_500)
"""Not compressed, all states together are several times what the sockets between server and client hold."""


@pytest.fixture
def store(site: Site) -> Iterator[Store]:
    """The site's store."""
    hour = timedelta(hours=1)
    store = open_store(
        site.settings.url, namespace=site.settings.namespace, result_ttl=timedelta(minutes=1), lease=hour
    )
    yield store
    store.close()


async def test_who_stops_reading_misses_states_and_gets_the_end(site: Site, store: Store) -> None:
    """Another client sees every state meanwhile, and this one, when it reads on, few more than the last."""
    url = f"{site.websocket_url}/graphql/"
    run_id = secrets.token_hex()
    store.create(NewRun(id=run_id, name="count", queue="nobody", arguments="{}"))
    store.claim(run_id)

    def change(**values: object) -> None:
        assert store.apply([Change(run_id=run_id, attempt=1, values=values)]) != [None]

    async with graphql_socket(url, compression=None) as stuck, graphql_socket(url, compression=None) as lively:
        missing, seeing = await stuck.execute(WATCH, id=run_id), await lively.execute(WATCH, id=run_id)
        first = [(await anext(missing))["taskProgress"]]
        await anext(seeing)
        stuck.pause()

        for number in range(STATES):
            await asyncio.to_thread(change, progress_message=f"{number} {MESSAGE}")
            assert (await anext(seeing))["taskProgress"]["progressMessage"].startswith(f"{number} ")
        await asyncio.to_thread(change, status=TaskStatus.COMPLETED)
        stuck.read_on()

        states = first + [event["taskProgress"] async for event in missing]

    assert len(states) < STATES / 2
    assert all(before["version"] < after["version"] for before, after in pairwise(states))
    assert [state["isTerminal"] for state in states] == [*[False] * (len(states) - 1), True]
