"""Who sees what in the sample application, and from where it may be used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.graphql_socket import TRANSPORT_WS, GraphQLSocket, OperationError
from tests.shops import Shop

START = """mutation { salesReport(start: "2024-01-01", end: "2024-01-31", groupBy: MONTH) { id } }"""
OWN = "{ tasks { nodes { id } } }"
WATCH = "subscription ($id: ID!) { taskProgress(taskId: $id) { id status } }"


def start(shop: Shop, user: str | None) -> str:
    """Start a run as somebody, and return its id once it has ended."""
    with shop.visit(user) as visitor:
        run_id: str = visitor.execute(START)["salesReport"]["id"]
        visitor.wait(run_id)
        return run_id


def found(shop: Shop, user: str | None, run_id: str) -> tuple[bool, bool]:
    """Tell whether somebody finds a run by its id, and in the list."""
    with shop.visit(user) as visitor:
        listed = [run["id"] for run in visitor.execute(OWN)["tasks"]["nodes"]]
        return visitor.find(run_id) is not None, run_id in listed


@pytest.mark.parametrize(
    ("viewer", "expected"),
    [("alice", (True, True)), ("staff", (True, True)), ("bob", (False, False)), (None, (False, False))],
)
def test_a_run_exists_for_its_owner_and_staff_alone(
    shop: Shop, viewer: str | None, expected: tuple[bool, bool]
) -> None:
    """What alice starts is there for her and for staff; for others it does not exist."""
    run_id = start(shop, "alice")

    assert found(shop, viewer, run_id) == expected


@pytest.mark.parametrize(
    ("viewer", "expected"), [(None, (True, False)), ("bob", (True, False)), ("staff", (True, True))]
)
def test_a_run_of_nobody_is_open_to_whoever_has_its_id(
    shop: Shop, viewer: str | None, expected: tuple[bool, bool]
) -> None:
    """What was started without signing in is found by its id, and listed to staff."""
    run_id = start(shop, None)

    assert found(shop, viewer, run_id) == expected


@pytest.mark.parametrize(("viewer", "status"), [("alice", 200), ("staff", 200), ("bob", 404), (None, 404)])
def test_rest_goes_by_the_same_rule(shop: Shop, viewer: str | None, status: int) -> None:
    """What alice starts is there over plain HTTP for her and for staff."""
    run_id = start(shop, "alice")

    with shop.visit(viewer) as visitor:
        assert visitor.client.get(f"/api/v1/tasks/{run_id}/").status_code == status


@asynccontextmanager
async def socket_of(shop: Shop, user: str) -> AsyncIterator[GraphQLSocket]:
    """Open a websocket with somebody's session cookie."""
    with shop.visit(user) as visitor:
        headers = {"Cookie": visitor.cookie, "Origin": shop.web.url}
    url, protocol = f"{shop.web.websocket_url}/graphql", Subprotocol(TRANSPORT_WS)
    async with connect(url, subprotocols=[protocol], additional_headers=headers) as connection:
        socket = GraphQLSocket(connection)
        await socket.greet()
        reader = asyncio.create_task(socket.read())
        try:
            yield socket
        finally:
            reader.cancel()


async def test_a_websocket_knows_who_is_signed_in(shop: Shop) -> None:
    """The session cookie of the handshake lets the owner watch, and nobody else."""
    run_id = start(shop, "alice")

    async with socket_of(shop, "alice") as alice, socket_of(shop, "bob") as bob:
        states = [event["taskProgress"] async for event in await alice.execute(WATCH, id=run_id)]
        with pytest.raises(OperationError) as refused:
            await anext(await bob.execute(WATCH, id=run_id))

    assert states == [{"id": run_id, "status": "COMPLETED"}]
    assert refused.value.codes == ["TASK_NOT_FOUND"]


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1", "https://elsewhere.example"),
        ("127.0.0.1", "null"),
        ("elsewhere.example", "http://elsewhere.example"),
    ],
    ids=["another site", "no site", "another name of this machine"],
)
async def test_a_websocket_from_elsewhere_is_refused(shop: Shop, host: str, origin: str) -> None:
    """A page of another site cannot open a websocket with the visitor's cookies."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            f"ws://{host}:{shop.web.port}/graphql",
            host="127.0.0.1",
            port=shop.web.port,
            origin=Origin(origin),
            subprotocols=[Subprotocol(TRANSPORT_WS)],
        ):
            pass

    assert refused.value.response.status_code == 403


def test_a_mutation_without_the_token_is_refused(shop: Shop) -> None:
    """Another site's form could not start anything."""
    answer = httpx.post(f"{shop.web.url}/graphql", json={"query": START})

    assert answer.status_code == 403


def test_graphiql_is_served_with_its_token(shop: Shop) -> None:
    """GraphiQL finds the token that it sends along."""
    answer = httpx.get(f"{shop.web.url}/graphql", headers={"Accept": "text/html"})

    assert "GraphiQL" in answer.text
    assert answer.cookies["csrftoken"]


@pytest.mark.parametrize("path", ["/", "/sign-in/"])
def test_pages_allow_only_what_they_bring(shop: Shop, path: str) -> None:
    """The pages' own policy forbids scripts in them, and everything from elsewhere."""
    answer = httpx.get(f"{shop.web.url}{path}")
    policy = answer.headers["content-security-policy"]

    assert answer.status_code == 200
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_a_wrong_password_is_told(shop: Shop) -> None:
    """Signing in with a wrong password shows the form again, with a message."""
    with shop.visit() as visitor:
        form = {"username": "alice", "password": "wrong", "csrfmiddlewaretoken": visitor.csrf_token}
        answer = visitor.client.post("/sign-in/", data=form)

    assert answer.status_code == 200
    assert "do not fit together" in answer.text
