"""Two services with tasks make one supergraph, which Apollo's own composition and gateway take."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.interop import CLIENTS
from tests.programs import Web

pytestmark = pytest.mark.node


@pytest.fixture
def outcomes(node: str, tmp_path: Path) -> list[dict[str, Any]]:
    """What became of two services that were composed and queried."""
    services = {
        name: Web("tests.apps.subgraph:app", environment={"SUBGRAPH": name}, log=tmp_path / f"{name}.log")
        for name in ("orders", "stock")
    }
    with services["orders"], services["stock"]:
        addresses = [f"{name}={service.url}" for name, service in services.items()]
        done = subprocess.run(
            [node, CLIENTS / "gateway.js", *addresses], check=False, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_two_services_with_tasks_are_composed_and_queried(outcomes: list[dict[str, Any]]) -> None:
    """They compose without an error, and each service's runs are started, found and listed through the gateway."""
    composed, found, rest = outcomes

    runs = found["found"]
    assert composed == {"errors": []}
    assert runs["ordersTask"] == {
        "__typename": "CountOrdersTaskHandle",
        "id": runs["ordersTask"]["id"],
        "isTerminal": True,
        "status": "COMPLETED",
        "failure": None,
        "output": {"id": "orders-3", "total": 3},
    }
    assert runs["stockTask"]["result"] == {"id": "stock-4", "total": 4}
    assert runs["stockTask"]["output"] == {"total": 4}
    assert rest["elsewhere"] == {"stockTask": None}
    assert rest["listed"]["ordersTasks"] == {
        "nodes": [{"id": runs["ordersTask"]["id"], "__typename": "CountOrdersTaskHandle"}],
        "pageInfo": {"hasNextPage": False},
    }
    (edge,) = rest["listed"]["stockTasks"]["edges"]
    assert edge["node"]["name"] == "countStock"
