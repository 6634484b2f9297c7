"""Clients watch runs over websockets, in both protocols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from strawberry_tasks import Viewer
from strawberry_tasks.stores.base import CANCEL_TOPIC
from tests.apps.scenarios import Gate
from tests.graphql_socket import LEGACY_WS, TRANSPORT_WS, GraphQLSocket, OperationError, graphql_socket
from tests.processes import wait_until
from tests.sites import Site

START = "mutation ($gate: String!) { count(gate: $gate) { id version } }"
START_OPEN_ENDED = "mutation ($gate: String!) { countAsync(gate: $gate) { id version } }"

WATCH = """
subscription ($id: ID!, $after: Int) {
  taskProgress(taskId: $id, after: $after) {
    __typename id status isTerminal version progress progressCurrent progressTotal progressMessage result error
    ... on CountTaskHandle { output }
  }
}
"""
WATCH_ONE = "subscription ($id: ID) { taskUpdated(taskId: $id) { id status isTerminal version } }"
WATCH_MINE = "subscription { taskUpdated { id status isTerminal version } }"

protocols = pytest.mark.parametrize("protocol", [TRANSPORT_WS, LEGACY_WS])


@protocols
async def test_a_client_sees_the_state_now_then_the_news_then_the_end(site: Site, gate: Gate, protocol: str) -> None:
    """The first event is the present state; then come newer ones; the terminal one is the last, and the stream completes."""
    async with _socket(site, protocol) as socket:
        run = site.execute(START, gate=gate.path)["count"]

        seen = []
        async for event in await socket.execute(WATCH, id=run["id"]):
            state = event["taskProgress"]
            seen.append(state)
            if state["progressCurrent"] == 2:
                gate.open()

    versions = [state["version"] for state in seen]
    assert versions == sorted(set(versions))
    assert [state["isTerminal"] for state in seen] == [*[False] * (len(seen) - 1), True]
    assert "RUNNING" in [state["status"] for state in seen]
    assert seen[-1] == {
        "__typename": "CountTaskHandle",
        "id": run["id"],
        "status": "COMPLETED",
        "isTerminal": True,
        "version": versions[-1],
        "progress": 100.0,
        "progressCurrent": 4.0,
        "progressTotal": 4.0,
        "progressMessage": "step 4",
        "result": 4,
        "error": None,
        "output": 4,
    }


@protocols
async def test_a_run_that_has_ended_yields_its_end(site: Site, protocol: str) -> None:
    """Who comes after the end gets the terminal state, once, and the stream completes."""
    handle = await site.scenarios.add.aenqueue(left=1, right=1)
    await handle.aresult()

    async with _socket(site, protocol) as socket:
        events = [event["taskProgress"] async for event in await socket.execute(WATCH, id=handle.id)]

    assert [event["status"] for event in events] == ["COMPLETED"]


@protocols
@pytest.mark.parametrize("document", [WATCH, WATCH_ONE])
async def test_an_unknown_run_is_an_error_before_the_first_event(site: Site, protocol: str, document: str) -> None:
    """There is no event, but an error with a code for programs."""
    async with _socket(site, protocol) as socket:
        operation = await socket.execute(document, id="no-such-run")

        with pytest.raises(OperationError, match="no task") as raised:
            await anext(operation)

    assert raised.value.codes == ["TASK_NOT_FOUND"]


@protocols
async def test_somebody_elses_run_does_not_exist(site: Site, protocol: str) -> None:
    """The owner and staff watch a run; for anybody else there is no such run."""
    handle = await site.scenarios.add.using(viewer=Viewer(id="ann")).aenqueue(left=1, right=1)
    await handle.aresult()

    for user in ("ann", "staff"):
        async with _socket(site, protocol, user) as socket:
            events = [event["taskProgress"] async for event in await socket.execute(WATCH, id=handle.id)]
            assert [event["id"] for event in events] == [handle.id]
    for user in ("bob", None):
        async with _socket(site, protocol, user) as socket:
            with pytest.raises(OperationError) as raised:
                await anext(await socket.execute(WATCH, id=handle.id))
            assert raised.value.codes == ["TASK_NOT_FOUND"]


@protocols
async def test_a_client_resumes_where_it_was(site: Site, gate: Gate, protocol: str) -> None:
    """After a dropped connection `after` spares the states that are known, and none of the later ones."""
    run = site.execute(START_OPEN_ENDED, gate=gate.path)["countAsync"]
    async with _socket(site, protocol) as socket:
        known = await _progressed(socket, run["id"])
        await socket.drop()

    async with _socket(site, protocol) as socket:
        operation = await socket.execute(WATCH, id=run["id"], after=known)
        first = (await anext(operation))["taskProgress"]
        gate.open()
        rest = [event["taskProgress"] async for event in operation]

    assert first["version"] > known
    assert rest[-1]["status"] == "COMPLETED"


@protocols
async def test_who_knows_the_end_gets_no_event(site: Site, protocol: str) -> None:
    """Resuming after the terminal state completes at once."""
    handle = await site.scenarios.add.aenqueue(left=1, right=1)
    await handle.aresult()
    end = (await handle.arefresh()).version

    async with _socket(site, protocol) as socket:
        events = [event async for event in await socket.execute(WATCH, id=handle.id, after=end)]

    assert events == []


@protocols
async def test_one_run_is_watched_under_the_other_name(site: Site, gate: Gate, protocol: str) -> None:
    """`taskUpdated` with an id is like `taskProgress`: state now, news, end, complete."""
    run = site.execute(START, gate=gate.path)["count"]
    gate.open()

    async with _socket(site, protocol) as socket:
        events = [event["taskUpdated"] async for event in await socket.execute(WATCH_ONE, id=run["id"])]

    assert {event["id"] for event in events} == {run["id"]}
    assert [event["isTerminal"] for event in events] == [*[False] * (len(events) - 1), True]


@protocols
async def test_without_an_id_ones_own_runs_are_watched(site: Site, protocol: str) -> None:
    """`taskUpdated` without an id tells of every run of the viewer, of nobody else's, and goes on after an end."""
    async with _socket(site, protocol, "carol") as socket:
        operation = await socket.execute(WATCH_MINE)
        await _attached(site, "owner:carol")
        started = [
            await site.scenarios.add.using(viewer=Viewer(id=owner)).aenqueue(left=1, right=1)
            for owner in ("carol", "dave", "carol")
        ]

        ended = []
        async for event in operation:
            state = event["taskUpdated"]
            if state["isTerminal"]:
                ended.append(state["id"])
            if len(ended) == 2:
                break

    assert sorted(ended) == sorted([started[0].id, started[2].id])


@protocols
async def test_nobody_has_no_runs_to_watch(site: Site, protocol: str) -> None:
    """`taskUpdated` without an id is for who is signed in."""
    async with _socket(site, protocol) as socket:
        with pytest.raises(OperationError) as raised:
            await anext(await socket.execute(WATCH_MINE))

    assert raised.value.codes == ["UNAUTHENTICATED"]


@protocols
@pytest.mark.parametrize("way", ["stops", "closes", "vanishes"])
async def test_a_client_that_leaves_leaves_nothing_behind(site: Site, gate: Gate, protocol: str, way: str) -> None:
    """However a client leaves a run that goes on, the server stops following the run."""
    run = site.execute(START, gate=gate.path)["count"]
    topic = f"run:{run['id']}"

    async with _socket(site, protocol) as socket:
        operation = await socket.execute(WATCH, id=run["id"])
        await anext(operation)
        assert _followers(site, topic) == 1
        if way == "stops":
            await operation.stop()
            await _attached(site, topic, 0)
        elif way == "vanishes":
            await socket.drop()

    await _attached(site, topic, 0)


@pytest.fixture(autouse=True)
def nothing_followed(site: Site) -> Iterator[None]:
    """After each test the server follows no run at all; the worker alone listens for requests to cancel."""
    yield
    workers = {f"{site.settings.namespace}:{CANCEL_TOPIC}".encode()}
    with redis.Redis.from_url(site.settings.url) as client:
        wait_until(
            lambda: set(client.pubsub_channels(f"{site.settings.namespace}:*")) <= workers,
            "the end of every subscription",
        )


def _socket(site: Site, protocol: str, user: str | None = None) -> Any:
    return graphql_socket(f"{site.websocket_url}/graphql/", protocol=protocol, user=user)


async def _progressed(socket: GraphQLSocket, run_id: str) -> int:
    async for event in await socket.execute(WATCH, id=run_id):
        if event["taskProgress"]["progress"] > 0:
            version: int = event["taskProgress"]["version"]
            return version
    raise AssertionError("the run ended without any progress")


async def _attached(site: Site, topic: str, followers: int = 1) -> None:
    wait_until(lambda: _followers(site, topic) == followers, f"{followers} followers of {topic}")


def _followers(site: Site, topic: str) -> int:
    with redis.Redis.from_url(site.settings.url) as client:
        ((_, count),) = client.pubsub_numsub(f"{site.settings.namespace}:{topic}")
        return int(count)
