"""Websockets beside Django: who is let in, who is there, and who is there no longer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.django.sites import RECHECK, Site, Visitor
from tests.graphql_socket import Operation, OperationError

PROGRESS = 'subscription { taskProgress(taskId: "%s") { id failure { traceback } } }'
UPDATED = "subscription { taskUpdated { id } }"
START = "mutation { add(left: 1, right: 2) { id } }"


@pytest.fixture
def ann(site: Site) -> str:
    """Ann's id; she is as she was."""
    return site.change_user("ann", is_active=True, is_staff=False, is_superuser=False, permissions=[], password="a")


async def ending(operation: Operation) -> list[object]:
    """Return the codes that a stream ends with, in time."""
    begun = time.monotonic()
    with pytest.raises(OperationError) as refusal:
        async for _ in operation:
            pass
    assert time.monotonic() - begun < RECHECK + 5
    return refusal.value.codes


async def refused(url: str, **headers: str) -> int:
    """Return the status that a handshake is answered with; 101 if it is accepted."""
    try:
        async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], additional_headers=headers):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 101),
        ("http://{host}", 101),
        ("https://{host}", 101),
        ("https://trusted.example", 101),
        ("https://sub.wild.example", 101),
        ("http://trusted.example", 403),
        ("https://wild.example.evil", 403),
        ("https://evil.example", 403),
        ("http://127.0.0.1:1", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
async def test_pages_of_other_origins_are_refused(site: Site, ann: str, origin: str | None, status: int) -> None:
    """A browser brings the cookies along from any page; only our own, and those that are trusted, may connect."""
    with site.visit("ann") as visitor:
        host = visitor.websocket_url.split("/")[2]
        headers = {} if origin is None else {"Origin": origin.format(host=host)}

        assert await refused(visitor.websocket_url, Cookie=visitor.cookie, **headers) == status


async def test_other_hosts_are_refused(site: Site) -> None:
    """A name that is not in ALLOWED_HOSTS, as in DNS rebinding, is no host of ours though page and host agree."""
    url = site.backstage.websocket_url
    # The client writes its own Host header, so the request is made by hand.
    headers = {
        "Host": "evil.example",
        "Origin": "http://evil.example",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with httpx.AsyncClient() as client:
        answer = await client.get(url.replace("ws://", "http://"), headers=headers)

    assert answer.status_code == 403


@pytest.mark.parametrize(("path", "status"), [("/graphql/", 101), ("/graphql", 101), ("/", 403), ("/graphql/x", 403)])
async def test_other_paths_are_refused(site: Site, path: str, status: int) -> None:
    """There is one place for websockets."""
    assert await refused(site.web.websocket_url + path) == status


async def test_resolvers_find_the_user_as_over_http(site: Site, ann: str) -> None:
    """What a mutation starts over a websocket is the session user's."""
    with site.visit("ann") as visitor:
        async with visitor.socket() as socket:
            run_id = (await anext(await socket.execute(START)))["add"]["id"]

        assert visitor.execute(f'{{ task(id: "{run_id}") {{ id }} }}')["data"]["task"] == {"id": run_id}
        assert site.backstage.execute(f'{{ task(id: "{run_id}") {{ id }} }}')["data"]["task"] is None


ENDS: dict[str, Callable[[Site, Visitor], object]] = {
    "signed out": lambda site, visitor: visitor.stage("sign-out"),
    "deactivated": lambda site, visitor: site.change_user("ann", is_active=False),
    "another password": lambda site, visitor: site.change_user("ann", password="b"),
    "deleted": lambda site, visitor: site.delete_user("ann"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("document", [PROGRESS, UPDATED], ids=["taskProgress", "taskUpdated"])
async def test_streams_end_with_their_session(
    site: Site, ann: str, end: Callable[[Site, Visitor], object], document: str
) -> None:
    """Idle streams end, and the open socket is nobody's for what is asked next."""
    run_id = site.start(ann)
    with site.visit("ann") as visitor:
        async with visitor.socket() as socket:
            stream = await socket.execute(document % run_id if "%s" in document else document)
            seen = await anext(await socket.execute(f'{{ task(id: "{run_id}") {{ id }} }}'))
            end(site, visitor)

            codes = await ending(stream)
            then = await anext(await socket.execute(f'{{ task(id: "{run_id}") {{ id }} }}'))

    assert seen == {"task": {"id": run_id}}
    assert codes == ["UNAUTHENTICATED"]
    assert then == {"task": None}


@pytest.mark.parametrize(("document", "code"), [(PROGRESS, "TASK_NOT_FOUND"), (UPDATED, "UNAUTHENTICATED")])
async def test_streams_end_with_a_lost_right(site: Site, ann: str, document: str, code: str) -> None:
    """Who was staff sees other people's runs no longer."""
    site.change_user("ann", is_staff=True)
    run_id = site.start(site.change_user("bob"))
    with site.visit("ann") as visitor:
        async with visitor.socket() as socket:
            stream = await socket.execute(document % run_id if "%s" in document else document)
            seen = await anext(await socket.execute(f'{{ task(id: "{run_id}") {{ id }} }}'))
            site.change_user("ann", is_staff=False)

            assert seen == {"task": {"id": run_id}}
            assert await ending(stream) == [code]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_streams_over_http_end_with_their_session(site: Site, ann: str, end: Callable[[Site, Visitor], object]) -> None:
    """A subscription over server-sent events outlasts its request's user as little."""
    run_id = site.start(ann)
    with site.visit("ann") as visitor:
        headers = {"Accept": "text/event-stream", **visitor.csrf_token}
        body = {"query": PROGRESS % run_id}
        with visitor.client.stream("POST", "/graphql/", json=body, headers=headers) as answer:
            lines = (line for line in answer.iter_lines() if line.startswith("data:") and line != "data:")
            first = next(lines)
            end(site, visitor)
            rest = list(lines)

    assert run_id in first
    assert ["UNAUTHENTICATED" in line for line in rest] == [True, False]  # The last one tells that it is complete.


async def test_a_signed_in_user_goes_on_watching(site: Site, ann: str) -> None:
    """Nothing ends while nothing has changed, whatever the number of rechecks."""
    run_id = site.start(ann)
    with site.visit("ann") as visitor:
        async with visitor.socket() as socket:
            stream = await socket.execute(PROGRESS % run_id)
            await anext(stream)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(4 * RECHECK):
                    await anext(stream)
                    pytest.fail("nothing has happened")
            visitor.execute(f'mutation {{ cancelTask(taskId: "{run_id}") {{ id }} }}')

            assert [event["taskProgress"]["id"] async for event in stream] == [run_id]


async def test_a_cookie_from_before_signing_in_is_worth_nothing(site: Site, ann: str) -> None:
    """Whoever planted a session cookie is not signed in with it when its victim is."""
    run_id = site.start(ann)
    with site.visit() as victim, site.visit() as attacker:
        victim.stage("open-session")
        attacker.client.cookies.update(victim.client.cookies)
        async with attacker.socket() as early:
            victim.stage("sign-in", name="ann")
            async with attacker.socket() as late:
                look = f'{{ task(id: "{run_id}") {{ id }} }}'
                seen = [await anext(await socket.execute(look)) for socket in (early, late)]
                streams = [await socket.execute(PROGRESS % run_id) for socket in (early, late)]
                codes = [await ending(stream) for stream in streams]

        assert victim.execute(look)["data"]["task"] == {"id": run_id}

    assert seen == [{"task": None}] * 2
    assert codes == [["TASK_NOT_FOUND"]] * 2


@pytest.mark.parametrize("path", ["/graphql/", "/sync/"])
def test_a_post_without_the_csrf_token_is_refused(site: Site, ann: str, path: str) -> None:
    """A form of another site can start nothing, though the browser sends the cookies along."""
    with site.visit("ann") as visitor:
        body: dict[str, Any] = {"query": START}
        without = visitor.client.post(path, json=body)
        visitor.client.get(path, headers={"Accept": "text/html"})
        wrong = visitor.client.post(path, json=body, headers={"X-CSRFToken": "x" * 32})
        right = visitor.execute(START, path=path)

    assert (without.status_code, wrong.status_code) == (403, 403)
    assert "errors" not in right


@pytest.mark.parametrize("task", ["whoami", "whoamiAsync"])
def test_the_worker_loads_the_user(site: Site, ann: str, task: str) -> None:
    """A task finds the user as a row of the database, on an event loop too, and nobody if there is none."""
    with site.visit("ann") as visitor:
        answer = visitor.execute(f"mutation {{ {task} {{ id }} }}")
        own = visitor.result(answer["data"][task]["id"])
    answer = site.backstage.execute(f"mutation {{ {task} {{ id }} }}")
    nobodys = site.backstage.result(answer["data"][task]["id"])

    assert (own, nobodys) == ("ann", "AnonymousUser")
