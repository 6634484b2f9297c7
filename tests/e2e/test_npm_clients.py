"""The clients that browsers use, graphql-ws and Apollo Client, work with a schema that has tasks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.apps.scenarios import Gate
from tests.interop import CLIENTS
from tests.sites import Site

pytestmark = pytest.mark.node

RunClient = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def run_client(node: str, site: Site, gate: Gate) -> RunClient:
    """Run one of the client programs to its end, and return what it printed."""

    def run(script: str) -> list[dict[str, Any]]:
        urls = [f"{site.url}/graphql/", f"{site.websocket_url}/graphql/"]
        done = subprocess.run(
            [node, CLIENTS / script, *urls, gate.path], check=False, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def test_graphql_ws_watches_through_a_lost_connection(run_client: RunClient) -> None:
    """It subscribes again by itself, gets the present state again, then newer ones, and the end once."""
    *states, last = run_client("graphql_ws_client.js")

    assert {state["connection"] for state in states} == {1, 2}
    for connection in (1, 2):
        versions = [state["version"] for state in states if state["connection"] == connection]
        assert all(before < after for before, after in pairwise(versions))
    assert [state["isTerminal"] for state in states] == [*[False] * (len(states) - 1), True]
    assert states[-1]["status"] == "COMPLETED"
    assert last == {"refusal": "TASK_NOT_FOUND"}


def test_apollo_client_keeps_one_entity_of_a_run(run_client: RunClient) -> None:
    """One subscription updates every query that shows the run, by its id and its type, without another request."""
    (outcome,) = run_client("apollo_client.js")

    bar, end = outcome["bar"], outcome["end"]
    assert outcome["entities"] == [f"CountAsyncTaskHandle:{outcome['id']}"]
    assert outcome["requests"] == 0
    assert bar[-1]["status"] == "COMPLETED"
    assert len(bar) > 1
    assert (end[0]["isTerminal"], end[0]["output"]) == (False, None)
    assert (end[-1]["isTerminal"], end[-1]["output"]) == (True, int(bar[-1]["progressCurrent"]))
