"""Clients without a websocket watch runs over plain HTTP, as events in one long answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis

from tests.apps.scenarios import Gate
from tests.processes import wait_until
from tests.sites import Site

START = "mutation ($gate: String!) { countAsync(gate: $gate) { id } }"
WATCH = "subscription ($id: ID!) { taskProgress(taskId: $id) { status isTerminal version progressCurrent } }"
MULTIPART = 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"'
EVENTS = "text/event-stream"

streams = pytest.mark.parametrize("accept", [MULTIPART, EVENTS], ids=["multipart", "events"])


@pytest.fixture(params=["asgi", "django"])
def web(request: pytest.FixtureRequest) -> Site:
    """Each framework."""
    found: Site = request.getfixturevalue("site" if request.param == "asgi" else "django_site")
    return found


@streams
def test_the_answer_ends_with_the_run(web: Site, gate: Gate, accept: str) -> None:
    """State now, then news, then the end; then the answer is complete."""
    run_id = web.execute(START, gate=gate.path)["countAsync"]["id"]

    states = []
    with _watch(web, run_id, accept) as answer:
        for state in _states(answer):
            states.append(state)
            if state["progressCurrent"]:
                gate.open()

    versions = [state["version"] for state in states]
    assert versions == sorted(set(versions))
    assert [state["isTerminal"] for state in states] == [*[False] * (len(states) - 1), True]


@streams
def test_a_client_that_leaves_leaves_nothing_behind(web: Site, gate: Gate, accept: str) -> None:
    """Who hangs up is followed no more, though the run goes on."""
    run_id = web.execute(START, gate=gate.path)["countAsync"]["id"]

    with _watch(web, run_id, accept) as answer:
        states = _states(answer)
        next(states)
        assert _is_followed(web, run_id)

    wait_until(lambda: not _is_followed(web, run_id), "the end of the subscription")


def _watch(web: Site, run_id: str, accept: str) -> Any:
    body = {"query": WATCH, "variables": {"id": run_id}}
    return httpx.stream("POST", f"{web.url}/graphql/", json=body, headers={"Accept": accept}, timeout=20)


def _states(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Read the events as they come; those that carry nothing only keep the connection open."""
    for line in answer.iter_lines():
        text = line.removeprefix("data: ")
        if text.startswith("{"):
            event = json.loads(text)
            if data := event.get("payload", event).get("data"):
                yield data["taskProgress"]


def _is_followed(web: Site, run_id: str) -> bool:
    with redis.Redis.from_url(web.settings.url) as client:
        return bool(client.pubsub_channels(f"{web.settings.namespace}:run:{run_id}"))
