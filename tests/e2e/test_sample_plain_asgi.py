"""The tasks of the sample without Django: one file, served by uvicorn and run by dramatiq."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from strawberry_tasks.contrib.embedded import EmbeddedServer
from tests.graphql_socket import graphql_socket
from tests.programs import Web, Worker

WATCH = "subscription ($id: ID!) { taskProgress(taskId: $id) { status progress result } }"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """The web server; a worker runs beside it."""
    directory: Path = tmp_path_factory.mktemp("plain")
    with EmbeddedServer() as redis:
        environment = {"REDIS_URL": redis.url, "PLAIN_DATABASE": str(directory / "plain.sqlite3")}
        web = Web("sample_app.plain_asgi:app", environment=environment, log=directory / "web.log")
        environment["SUPPLIER_URL"] = f"{web.url}/supplier"
        with web, Worker("sample_app.plain_asgi", environment=environment, log=directory / "worker.log"):
            yield web


def execute(web: Web, document: str, **variables: Any) -> Any:
    """Execute an operation, and return its data."""
    answer = httpx.post(f"{web.url}/graphql", json={"query": document, "variables": variables}, timeout=30).json()
    assert "errors" not in answer, answer
    return answer["data"]


def upload(web: Web, content: bytes) -> str:
    """Start an import, and return the run's id."""
    document = "mutation ($file: Upload!) { importProducts(file: $file) { id } }"
    operations = {"query": document, "variables": {"file": None}}
    form = {"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.file"]})}
    files = {"0": ("products.csv", content)}
    answer = httpx.post(f"{web.url}/graphql", data=form, files=files, timeout=30).json()
    run_id: str = answer["data"]["importProducts"]["id"]
    return run_id


async def last_state(web: Web, run_id: str) -> Any:
    """Watch a run over the websocket to its end."""
    async with graphql_socket(f"{web.websocket_url}/graphql") as socket:
        return [event["taskProgress"] async for event in await socket.execute(WATCH, id=run_id)][-1]


async def test_a_file_is_imported(web: Web) -> None:
    """The upload reaches the worker, and its rows the database."""
    before = execute(web, "{ productCount }")["productCount"]
    content = b"sku,name,category,price,stock\nP-000001,New name,Bath,1.00,1\nNEW-1,Cup,Cups,2,2\nNEW-2,Cup,Cups,-2,2\n"

    run = await last_state(web, upload(web, content))

    assert (run["status"], run["progress"]) == ("COMPLETED", 100)
    assert {name: run["result"][name] for name in ("total", "created", "updated", "rejectedCount")} == {
        "total": 3,
        "created": 1,
        "updated": 1,
        "rejectedCount": 1,
    }
    assert execute(web, "{ productCount }")["productCount"] == before + 1


async def test_sales_are_added_up(web: Web) -> None:
    """A list of rows is a result as well."""
    started = execute(web, """mutation { salesByCategory(start: "2000-01-01", end: "2100-01-01") { id } }""")

    run = await last_state(web, started["salesByCategory"]["id"])

    assert sum(row["sales"] for row in run["result"]) == 12_000
    assert {row["label"] for row in run["result"]} >= {"Kitchen", "Garden"}


async def test_an_inventory_is_synced(web: Web) -> None:
    """The async task reads the supplier that the same server carries."""
    started = execute(web, 'mutation { syncInventory(provider: "AMAZON") { id } }')

    run = await last_state(web, started["syncInventory"]["id"])
    report = run["result"]

    assert run["status"] == "COMPLETED"
    assert report["pages"] == 61
    assert report["updated"] + report["unchanged"] + report["failed"] == 3005


def test_graphiql_is_served(web: Web) -> None:
    """A browser finds GraphiQL at the endpoint."""
    answer = httpx.get(f"{web.url}/graphql", headers={"Accept": "text/html"})

    assert answer.status_code == 200
    assert "GraphiQL" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Host": "elsewhere.example", "Origin": "http://elsewhere.example"},
    ],
    ids=["another site", "no site", "another name of this machine"],
)
def test_pages_of_other_sites_start_nothing(web: Web, headers: dict[str, str]) -> None:
    """An upload is a form, which browsers send anywhere unasked."""
    before = execute(web, "{ productCount }")
    form = {"operations": json.dumps({"query": "{ productCount }"}), "map": "{}"}

    answer = httpx.post(f"{web.url}/graphql", data=form, files={"0": ("a.csv", b"")}, headers=headers)

    assert answer.status_code in {400, 403}
    assert "productCount" not in answer.text
    assert execute(web, "{ productCount }") == before


async def test_sockets_of_other_sites_are_refused(web: Web) -> None:
    """Nothing keeps a page from opening one anywhere."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{web.websocket_url}/graphql", origin=Origin("https://elsewhere.example")):
            pass

    assert refused.value.response.status_code == 403


def test_our_own_page_may_ask(web: Web) -> None:
    """GraphiQL is of this site."""
    answer = httpx.post(f"{web.url}/graphql", json={"query": "{ productCount }"}, headers={"Origin": web.url})

    assert answer.json()["data"]["productCount"] > 0
