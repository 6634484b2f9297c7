"""Who may do what, over HTTP, websockets, REST and in the admin: one table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.django.sites import Site, Visitor
from tests.graphql_socket import Operation, OperationError

VIEWERS = ("anonymous", "owner", "other", "staff", "supporter", "superuser", "deactivated", "deleted")
"""Who comes; a supporter is staff with permissions, the last two were superusers, and still have the session."""


ADMIN = "/admin/strawberry_tasks/taskexecution/"


@dataclass(frozen=True, slots=True)
class Scene:
    """Who comes to whose runs."""

    site: Site
    visitor: Visitor
    owner: str

    def __getitem__(self, kind: str) -> str:
        """Start a run of the owner's that stays PENDING if it is to be "live", and is FAILED if it is to be "failed"."""
        if kind == "live":
            return self.site.start(self.owner)
        return self.site.start(self.owner, "crash", waits=False)


Act = Callable[[Scene], Awaitable[object]]


def query(document: str, *, path: str = "/graphql/") -> Act:
    """Tell whether an operation over HTTP gives something, and no error."""

    async def act(scene: Scene) -> object:
        answer = scene.visitor.execute(document % scene, path=path)
        return "errors" not in answer and any(answer["data"].values())

    return act


def subscription(document: str) -> Act:
    """Tell whether an operation over a websocket gives something."""

    async def act(scene: Scene) -> object:
        async with scene.visitor.socket() as socket:
            operation = await socket.execute(document % scene)
            try:
                return any((await anext(operation)).values())
            except OperationError:
                return False

    return act


async def lists(scene: Scene) -> object:
    """Tell whether the owner's runs are among those that are listed."""
    live = scene["live"]
    answer = scene.visitor.execute("{ tasks { nodes { id } } }")
    return live in {node["id"] for node in answer["data"]["tasks"]["nodes"]}


async def lists_rows(scene: Scene) -> object:
    """Tell whether the owner's runs are among the rows of the table, over HTTP and a websocket."""
    live = scene["live"]
    document = "{ taskExecutions(first: 100, ordering: [{createdAt: DESC}]) { edges { node { id } } } }"
    async with scene.visitor.socket() as socket:
        over_socket = await anext(await socket.execute(document))
    found = [
        live in {edge["node"]["id"] for edge in data["taskExecutions"]["edges"]}
        for data in (scene.visitor.execute(document)["data"], over_socket)
    ]
    assert found[0] == found[1]
    return found[0]


async def hears(scene: Scene) -> object:
    """Tell whether `taskUpdated` without an id tells of the owner's runs."""
    heard: set[str] = set()

    async def listen(operation: Operation) -> None:
        async for event in operation:
            heard.add(event["taskUpdated"]["id"])

    def start_both() -> tuple[str, str]:
        own = scene.visitor.execute("mutation { add(left: 1, right: 2) { id } }")
        return scene["live"], own["data"]["add"]["id"]

    async with scene.visitor.socket() as socket:
        listening = asyncio.create_task(listen(await socket.execute("subscription { taskUpdated { id } }")))
        while not heard and not listening.done():  # Once it is attached, it hears at least of the viewer's own.
            start_both()
            await asyncio.wait([listening], timeout=0.01)
        owners, own = start_both()
        _, later = start_both()  # Two runs that change at about the same time may be told of in any order.
        while not {own, later} <= heard and not listening.done():
            await asyncio.wait([listening], timeout=0.01)
        if listening.done():
            assert isinstance(error := listening.exception(), OperationError)
            assert error.codes == ["UNAUTHENTICATED"]
        listening.cancel()
    return owners in heard


async def finds(scene: Scene) -> object:
    """Tell whether there is a run as JSON."""
    answer = scene.visitor.client.get(f"/api/v1/tasks/{scene['live']}/")
    assert answer.status_code in {200, 404}
    return answer.status_code == 200


async def watches(scene: Scene) -> object:
    """Tell whether there are server-sent events."""
    live = scene["live"]
    with scene.visitor.client.stream("GET", f"/api/v1/tasks/{live}/events/") as answer:
        assert answer.status_code in {200, 404}
        data = next((line for line in answer.iter_lines() if line.startswith("data: ")), "")
        return answer.status_code == 200 and live in data


async def reads_traceback(scene: Scene) -> object:
    """Tell whether the JSON of a failed run holds its traceback."""
    answer = scene.visitor.client.get(f"/api/v1/tasks/{scene['failed']}/")
    return answer.status_code == 200 and "ZeroDivisionError" in answer.text


def admin(page: str) -> Act:
    """Tell whether a page of the admin opens."""

    async def act(scene: Scene) -> object:
        answer = scene.visitor.client.get(ADMIN + page % scene)
        assert answer.status_code in {200, 302, 403}, answer.text
        return answer.status_code == 200

    return act


def admin_action(action: str, kind: str, says: str) -> Act:
    """Tell whether an action of the admin's list is done."""

    async def act(scene: Scene) -> object:
        form = {"action": action, "_selected_action": scene[kind]}
        return says in scene.visitor.submit(ADMIN, form).text

    return act


async def admin_edit(scene: Scene) -> object:
    """Tell whether the admin changes a run."""
    answer = scene.visitor.submit(f"{ADMIN}{scene['live']}/change/", {"name": "another", "owner": ""})
    return answer.status_code == 200 and "sign in" not in answer.text.lower() and "log in" not in answer.text.lower()


#                                                 anonymous
#                                                 | owner
#                                                 | | other
#                                                 | | | staff
#                                                 | | | | supporter
#                                                 | | | | | superuser
#                                                 | | | | | | deactivated
#                                                 | | | | | | | deleted
TABLE: list[tuple[str, Act, str]] = [
    ("start", query("mutation { add(left: 1, right: 2) { id } }"), "+ + + + + + + +"),
    ("start over a websocket", subscription("mutation { add(left: 1, right: 2) { id } }"), "+ + + + + + + +"),
    ("start for users", query("mutation { forUsers { id } }"), "- + + + + + - -"),
    ("start for users, sync", query("mutation { forUsers { id } }", path="/sync/"), "- + + + + + - -"),
    ("start for users, websocket", subscription("mutation { forUsers { id } }"), "- + + + + + - -"),
    ("start for controllers", query("mutation { forControllers { id } }"), "- - - - + + - -"),
    ("start for controllers, websocket", subscription("mutation { forControllers { id } }"), "- - - - + + - -"),
    ("task", query('{ task(id: "%(live)s") { id } }'), "- + - + + + - -"),
    ("task, sync", query('{ task(id: "%(live)s") { id } }', path="/sync/"), "- + - + + + - -"),
    ("task over a websocket", subscription('{ task(id: "%(live)s") { id } }'), "- + - + + + - -"),
    ("tasks", lists, "- + - + + + - -"),
    ("row", query('{ taskExecution(pk: "%(live)s") { id } }'), "- + - + + + - -"),
    ("row, sync", query('{ taskExecution(pk: "%(live)s") { id } }', path="/sync/"), "- + - + + + - -"),
    ("row over a websocket", subscription('{ taskExecution(pk: "%(live)s") { id } }'), "- + - + + + - -"),
    ("rows", lists_rows, "- + - + + + - -"),
    ("cancelTask", query('mutation { cancelTask(taskId: "%(live)s") { id } }'), "- + - + + + - -"),
    ("cancelTask, sync", query('mutation { cancelTask(taskId: "%(live)s") { id } }', path="/sync/"), "- + - + + + - -"),
    ("cancelTask, websocket", subscription('mutation { cancelTask(taskId: "%(live)s") { id } }'), "- + - + + + - -"),
    ("retryTask", query('mutation { retryTask(taskId: "%(failed)s") { id } }'), "- + - + + + - -"),
    ("taskProgress", subscription('subscription { taskProgress(taskId: "%(live)s") { id } }'), "- + - + + + - -"),
    (
        "taskUpdated(taskId:)",
        subscription('subscription { taskUpdated(taskId: "%(live)s") { id } }'),
        "- + - + + + - -",
    ),
    ("taskUpdated", hears, "- + - + + + - -"),
    ("REST", finds, "- + - + + + - -"),
    ("REST events", watches, "- + - + + + - -"),
    ("internals over REST", reads_traceback, "- - - + + + - -"),
    ("admin list", admin(""), "- - - - + + - -"),
    ("admin page", admin("%(live)s/change/"), "- - - - + + - -"),
    ("admin history", admin("%(live)s/history/"), "- - - - + + - -"),
    ("admin add", admin("add/"), "- - - - - - - -"),
    ("admin delete", admin("%(failed)s/delete/"), "- - - - - + - -"),
    ("admin edit", admin_edit, "- - - - - - - -"),
    ("admin cancel", admin_action("cancel_runs", "live", "was asked to stop"), "- - - - + + - -"),
    ("admin retry", admin_action("retry_runs", "failed", "was started again"), "- - - - + + - -"),
]


@pytest.fixture(scope="module")
def owner(site: Site) -> str:
    """The owner's id; the others are there, too."""
    site.change_user("other")
    site.change_user("staff", is_staff=True)
    permissions = ["view_taskexecution", "control_taskexecution"]
    site.change_user("supporter", is_staff=True, permissions=permissions)
    site.change_user("superuser", is_superuser=True, is_staff=True)
    return site.change_user("owner")


@pytest.fixture(scope="module")
def visitors(site: Site, owner: str) -> Iterator[dict[str, Visitor]]:
    """Everybody, signed in."""
    with ExitStack() as stack:
        for name in ("deactivated", "deleted"):
            site.change_user(name, is_active=True, is_superuser=True, is_staff=True)
        known = {name: stack.enter_context(site.visit(None if name == "anonymous" else name)) for name in VIEWERS}
        site.change_user("deactivated", is_active=False)
        site.delete_user("deleted")
        yield known


@pytest.mark.parametrize(("act", "expected"), [pytest.param(*row[1:], id=row[0]) for row in TABLE])
async def test_who_may(site: Site, owner: str, visitors: dict[str, Visitor], act: Act, expected: str) -> None:
    """Each of the viewers may do what the table says, and nothing else."""
    allowed = {}
    for name, visitor in visitors.items():
        allowed[name] = await act(Scene(site, visitor, owner))

    assert " ".join("+" if allowed[name] else "-" for name in VIEWERS) == expected
