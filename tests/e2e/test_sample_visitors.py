"""Who sees what in the sample application, and from where it may be used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.graphql_socket import TRANSPORT_WS, GraphQLSocket, OperationError
from tests.shops import Shop

START = """mutation { salesReport(start: "2024-01-01", end: "2024-01-31", groupBy: MONTH) { id } }"""
SELL = """mutation ($end: Date!) { salesReport(start: "2024-01-01", end: $end, groupBy: CATEGORY) { id } }"""
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


def report_of(shop: Shop, user: str | None) -> list[str]:
    """Make a report as somebody, and return the addresses of its files."""
    with shop.visit(user) as visitor:
        run_id = visitor.execute(SELL, end=str(date.today()))["salesReport"]["id"]  # noqa: DTZ011 - sales end about now
        report = visitor.wait(run_id)["result"]
        return [report["chart"]["url"], report["table"]["url"]]


@pytest.mark.parametrize(("viewer", "status"), [("alice", 200), ("staff", 200), ("bob", 404), (None, 404)])
def test_a_report_is_for_whom_its_run_is(shop: Shop, viewer: str | None, status: int) -> None:
    """Who has the address of a file, and may not see the run, finds nothing."""
    urls = report_of(shop, "alice")

    with shop.visit(viewer) as visitor:
        assert [visitor.client.get(url).status_code for url in urls] == [status, status]


def test_a_report_of_nobody_is_for_whoever_has_its_address(shop: Shop) -> None:
    """As its run is, whose id is in the address."""
    chart, _ = report_of(shop, None)

    with shop.visit("bob") as visitor:
        assert visitor.client.get(chart).status_code == 200


def test_a_report_is_a_download_and_no_page(shop: Shop) -> None:
    """A browser neither guesses what it is nor runs what stands in it, and no other site shows it."""
    urls = report_of(shop, "alice")

    with shop.visit("alice") as visitor:
        chart, table = (visitor.client.get(url) for url in urls)

    assert chart.headers["content-type"] == "image/svg+xml"
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    for answer, end in ((chart, '.svg"'), (table, '.csv"')):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"].startswith('attachment; filename="sales-2024-01-01')
        assert answer.headers["content-disposition"].endswith(end)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"].startswith("private")


@pytest.mark.parametrize(
    "name", ["nothing.csv", "..", "%2e%2e%2f%2e%2e%2fshop.sqlite3", "%2e%2e%5cshop.sqlite3", "a%00.csv"]
)
def test_no_other_file_is_served(shop: Shop, name: str) -> None:
    """Whatever stands in the place of a file's name."""
    chart, _ = report_of(shop, "alice")
    folder = chart.rsplit("/", 1)[0]

    with shop.visit("alice") as visitor:
        assert visitor.client.get(f"{folder}/{name}").status_code == 404


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
