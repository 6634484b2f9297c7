"""Runs over plain HTTP: as JSON, and as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
from django.test import AsyncRequestFactory, Client

from strawberry_tasks import Tasks
from strawberry_tasks.dispatch import SendAtOnce
from strawberry_tasks.django.rest import task_urls
from tests.django.project.tasks import add
from tests.django.sites import RECHECK, Site, Visitor
from tests.processes import wait_until

FIELDS = '{ __type(name: "TaskHandle") { fields { name type { kind ofType { kind } } } } }'

TOLD = ("id", "name", "status", "isTerminal", "progress", "result", "attempt", "completedAt")
"""What a row tells of a run that has ended."""


class Event(NamedTuple):
    """A server-sent event."""

    name: str
    id: str | None
    data: Any


class Events:
    """A stream of server-sent events, as a browser reads it."""

    def __init__(self, answer: httpx.Response) -> None:
        self.lines = answer.iter_lines()

    def __iter__(self) -> Iterator[Event]:
        fields: dict[str, str] = {}
        for line in self.lines:
            name, _, value = line.partition(":")
            if not line and fields:
                yield Event(fields.get("event", "message"), fields.get("id"), json.loads(fields["data"]))
                fields = {}
            elif name:
                fields[name] = value.removeprefix(" ")


@pytest.fixture
def ann(site: Site) -> Iterator[tuple[str, Visitor]]:
    """Ann's id, and Ann."""
    key = site.change_user("ann", is_active=True, is_staff=False, is_superuser=False)
    with site.visit("ann") as visitor:
        yield key, visitor


def url(run_id: str, *more: str) -> str:
    return "/".join(["/api/v1/tasks", run_id, *more, ""])


@pytest.mark.parametrize(("task", "is_staff"), [("add", False), ("crash", False), ("crash", True)])
def test_the_json_is_what_graphql_says(site: Site, ann: tuple[str, Visitor], task: str, is_staff: bool) -> None:
    """Each field of `TaskHandle` is there under its name, and with its value; internals for those who may see them."""
    key, visitor = ann
    site.change_user("ann", is_staff=is_staff)
    run_id = site.start(key, task, waits=False)
    names = [
        field["name"] + (" { code message exception traceback }" if field["name"] == "failure" else "")
        for field in visitor.execute(FIELDS)["data"]["__type"]["fields"]
    ]
    shown = visitor.execute(f'{{ task(id: "{run_id}") {{ {" ".join(names)} }} }}')["data"]["task"]

    answer = visitor.client.get(url(run_id))

    assert answer.json() == shown
    assert answer.headers["content-type"] == "application/json"
    assert ("ZeroDivisionError" in answer.text) == (task == "crash" and is_staff)


def test_a_client_that_has_the_state_gets_no_body(site: Site, ann: tuple[str, Visitor]) -> None:
    """`If-None-Match` with the version's tag is 304, until the run changes."""
    key, visitor = ann
    run_id = site.start(key)
    first = visitor.client.get(url(run_id))
    tag = {"If-None-Match": first.headers["etag"]}

    second = visitor.client.get(url(run_id), headers=tag)
    visitor.execute(f'mutation {{ cancelTask(taskId: "{run_id}") {{ id }} }}')
    third = visitor.client.get(url(run_id), headers=tag)

    assert (second.status_code, second.content, second.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (third.status_code, third.json()["status"]) == (200, "CANCELED")
    for answer in (first, second, third):
        assert answer.headers["cache-control"] == "private, no-cache"


def test_who_sees_more_has_another_tag(site: Site, ann: tuple[str, Visitor]) -> None:
    """What was shown without internals is not taken for what is shown with them."""
    key, visitor = ann
    run_id = site.start(key, "crash", waits=False)
    before = visitor.client.get(url(run_id)).headers["etag"]

    site.change_user("ann", is_staff=True)
    answer = visitor.client.get(url(run_id), headers={"If-None-Match": before})

    assert answer.status_code == 200
    assert answer.json()["failure"]["exception"] == "ZeroDivisionError"


@pytest.mark.parametrize("more", [(), ("events",)])
def test_what_is_not_there(site: Site, ann: tuple[str, Visitor], more: tuple[str, ...]) -> None:
    """An unknown run, somebody else's, and what is no id at all are 404, and the first two cannot be told apart."""
    _, visitor = ann
    theirs = site.start(site.change_user("bob"))
    unknown = "00000000-0000-4000-8000-000000000000"

    answers = [visitor.client.get(url(run_id, *more)) for run_id in (theirs, unknown)]
    no_id = visitor.client.get(url("no-uuid", *more))

    assert [answer.status_code for answer in (*answers, no_id)] == [404] * 3
    assert [answer.text.replace(theirs, unknown) for answer in answers] == [answers[1].text] * 2
    assert answers[0].json()["code"] == "TASK_NOT_FOUND"


@pytest.mark.parametrize("more", [(), ("events",)])
def test_methods(site: Site, ann: tuple[str, Visitor], more: tuple[str, ...]) -> None:
    """HEAD is GET without a body; nothing else is taken."""
    key, visitor = ann
    place = url(site.start(key), *more)
    visitor.execute("{ __typename }")
    token = {"X-CSRFToken": visitor.client.cookies["csrftoken"]}

    head = visitor.client.head(place)
    others = [visitor.client.request(method, place, headers=token) for method in ("POST", "PUT", "DELETE")]

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream" if more else "application/json")
    assert [answer.status_code for answer in others] == [405] * 3


def test_events_tell_each_state_to_the_end(site: Site, ann: tuple[str, Visitor]) -> None:
    """The present state comes first, then each newer one with its version as the id; the stream ends with the run."""
    key, visitor = ann
    run_id = site.start(key)
    with visitor.client.stream("GET", url(run_id, "events")) as answer:
        events = iter(Events(answer))
        first = next(events)
        visitor.execute(f'mutation {{ cancelTask(taskId: "{run_id}") {{ id }} }}')
        rest = list(events)

    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "private, no-cache, no-transform"
    assert [event.data["status"] for event in (first, *rest)] == ["PENDING", "CANCELED"]
    assert [int(event.id or 0) for event in (first, *rest)] == [first.data["version"], rest[0].data["version"]]
    assert rest[0].data == visitor.client.get(url(run_id)).json()


def test_events_resume(site: Site, ann: tuple[str, Visitor]) -> None:
    """With `Last-Event-ID` only what is newer comes, and after the end a browser is told not to come back."""
    key, visitor = ann
    run_id = site.start(key)
    known = visitor.client.get(url(run_id)).json()["version"]
    visitor.execute(f'mutation {{ cancelTask(taskId: "{run_id}") {{ id }} }}')

    resumed = visitor.client.get(url(run_id, "events"), headers={"Last-Event-ID": str(known)})
    last = resumed.text.partition("id: ")[2].partition("\n")[0]
    ended = visitor.client.get(url(run_id, "events"), headers={"Last-Event-ID": last})
    odd = visitor.client.get(url(run_id, "events"), headers={"Last-Event-ID": "x"})

    assert resumed.text.count("data: ") == 1
    assert '"status":"CANCELED"' in resumed.text
    assert (ended.status_code, ended.content) == (204, b"")
    assert odd.text == resumed.text


def test_an_idle_stream_shows_that_it_is_alive(site: Site, ann: tuple[str, Visitor]) -> None:
    """Comments keep proxies from closing it, and are no events."""
    key, visitor = ann
    run_id = site.start(key)
    with visitor.client.stream("GET", url(run_id, "events")) as answer:
        events = Events(answer)
        next(iter(events))

        assert [line for line, _ in zip(events.lines, range(4), strict=False)] == [":", "", ":", ""]


def test_events_end_with_the_session(site: Site, ann: tuple[str, Visitor]) -> None:
    """Who has signed out gets one last event that says so, and no other."""
    key, visitor = ann
    run_id = site.start(key)
    with visitor.client.stream("GET", url(run_id, "events")) as answer:
        events = iter(Events(answer))
        next(events)
        begun = time.monotonic()
        visitor.stage("sign-out")
        rest = list(events)

    assert [(event.name, event.data["code"]) for event in rest] == [("refused", "UNAUTHENTICATED")]
    assert time.monotonic() - begun < RECHECK + 5


def test_a_reader_who_leaves_is_forgotten(site: Site, ann: tuple[str, Visitor]) -> None:
    """Nothing of a stream stays behind that would go on asking who reads."""
    key, visitor = ann
    run_id = site.start(key)
    before = site.watchers()
    for _ in range(10):
        with visitor.client.stream("GET", url(run_id, "events")) as answer:
            next(iter(Events(answer)))

    wait_until(lambda: site.watchers() <= before, "the end of the streams")


async def test_a_store_that_is_away_is_told() -> None:
    """Nothing is known of the run then, so it is not 404 but 503, and says so."""
    tasks = Tasks("redis://127.0.0.1:1/0")
    for view in task_urls(tasks):
        answer = await view.callback(AsyncRequestFactory().get("/"), uuid4())

        assert (answer.status_code, json.loads(answer.content)["code"]) == (503, "STORE_UNAVAILABLE")
    tasks.close()


async def test_an_error_that_nobody_has_foreseen_is_told_by_a_code(caplog: pytest.LogCaptureFixture) -> None:
    """Its words stand in the log."""

    class Dispatch(SendAtOnce):
        def held(self, run_id: str) -> None:
            raise RuntimeError("secret")

    tasks = Tasks("memory://", dispatch=Dispatch())
    for view in task_urls(tasks):
        answer = await view.callback(AsyncRequestFactory().get("/"), uuid4())

        assert (answer.status_code, json.loads(answer.content)["code"]) == (500, "INTERNAL_ERROR")
        assert b"secret" not in answer.content
    assert "secret" in caplog.text
    tasks.close()


@pytest.mark.parametrize("more", [(), ("events",)])
def test_a_run_that_the_store_has_dropped(site: Site, ann: tuple[str, Visitor], more: tuple[str, ...]) -> None:
    """It comes from the database, for whom it came before."""
    key, visitor = ann
    run_id = site.start(key, waits=False)
    before = visitor.client.get(url(run_id)).json()
    site.backstage.stage("lose", run=run_id)

    after = visitor.client.get(url(run_id, *more))
    others = site.backstage.client.get(url(run_id, *more))

    state = next(iter(Events(after))).data if more else after.json()
    assert {name: state[name] for name in TOLD} == {name: before[name] for name in TOLD}
    assert (after.status_code, others.status_code) == (200, 404)


@pytest.mark.django_db
def test_events_under_wsgi_are_refused(client: Client) -> None:
    """A WSGI server has a thread or a process for each open stream; it says that it has none for that."""
    run_id = add.enqueue(left=1, right=2).id

    state = client.get(url(run_id))
    events = client.get(url(run_id, "events"))

    assert (state.status_code, state.json()["id"]) == (200, run_id)
    assert (events.status_code, events.json()["code"]) == (501, "ASGI_REQUIRED")
