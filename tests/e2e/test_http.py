"""Clients start runs and look them up over HTTP, whatever serves it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.processes import wait_until
from tests.sites import Site

LOOK_UP = """
query ($id: ID!) {
  task(id: $id) {
    name status isTerminal result error failure { code message exception traceback }
    ... on AddTaskHandle { output { value } }
    ... on AddAsyncTaskHandle { output { value } }
    ... on MeasureTaskHandle { output { name size digest } }
    ... on VisitTaskHandle { output { owner tenant user mood } }
  }
}
"""
LIST = "query ($status: [TaskStatus!]) { tasks(status: $status) { nodes { id name } pageInfo { hasNextPage } } }"


@dataclass(frozen=True, slots=True)
class View:
    """One way into a site.

    Attributes:
        site: The site.
        path: Where it answers.
    """

    site: Site
    path: str

    def execute(self, document: str, /, user: str | None = None, **variables: Any) -> Any:
        """Execute a query or mutation, and return its data."""
        return self.site.execute(document, path=self.path, user=user, **variables)

    def wait_for_end(self, run_id: str, user: str | None = None) -> dict[str, Any]:
        """Look a run up until it has ended."""

        def look_up() -> Any:
            return self.execute(LOOK_UP, user=user, id=run_id)["task"]

        wait_until(lambda: look_up()["isTerminal"], "the end of the run")
        run: dict[str, Any] = look_up()
        return run


@pytest.fixture(params=["asgi", "django-async", "django-sync"])
def view(request: pytest.FixtureRequest) -> View:
    """Each way to serve GraphQL over HTTP."""
    if request.param == "asgi":
        return View(request.getfixturevalue("site"), "/graphql/")
    return View(request.getfixturevalue("django_site"), "/sync/" if request.param == "django-sync" else "/graphql/")


def test_a_run_is_started_and_looked_up(view: View) -> None:
    """The mutation answers at once with a handle, and the query tells the typed result later."""
    handle = view.execute("mutation { add(left: 2, right: 40) { id taskId status isTerminal } }")["add"]

    run = view.wait_for_end(handle["id"])

    assert handle == {"id": handle["id"], "taskId": handle["id"], "status": "PENDING", "isTerminal": False}
    assert (run["name"], run["status"], run["output"]) == ("add", "COMPLETED", {"value": 42})


def test_an_argument_that_does_not_fit_starts_nothing(view: View) -> None:
    """GraphQL itself refuses it."""
    body = {"query": 'mutation { add(left: "two", right: 40) { id } }'}

    answer = httpx.post(f"{view.site.url}{view.path}", json=body)

    assert "Int cannot represent" in answer.json()["errors"][0]["message"]


def test_who_starts_a_run_owns_it(view: View) -> None:
    """The function sees the user, the user sees the run and lists it, and nobody else does."""
    handle = view.execute("mutation { visit(mood: WILD) { id } }", user="erin")["visit"]

    run = view.wait_for_end(handle["id"], user="erin")

    assert run["output"] == {"owner": "erin", "tenant": "acme", "user": "user erin of acme", "mood": "WILD"}
    assert view.execute(LOOK_UP, id=handle["id"]) == {"task": None}
    assert view.execute(LOOK_UP, user="frank", id=handle["id"]) == {"task": None}
    assert handle["id"] in [node["id"] for node in view.execute(LIST, user="erin")["tasks"]["nodes"]]
    assert view.execute(LIST, user="frank")["tasks"]["nodes"] == []


def test_internals_are_for_staff(view: View) -> None:
    """Who waits reads what a task says; the exception is for staff."""
    handle = view.execute("mutation { flaky(failures: 9) { id } }", user="erin")["flaky"]

    run = view.wait_for_end(handle["id"], user="erin")
    seen_by_staff = view.execute(LOOK_UP, user="staff", id=handle["id"])["task"]

    message = "The task failed with an unexpected error."
    assert run["error"] == message
    assert run["failure"] == {"code": "TASK_ERROR", "message": message, "exception": None, "traceback": None}
    assert seen_by_staff["failure"]["exception"] == "RuntimeError"
    assert "secret detail" in seen_by_staff["failure"]["traceback"]


def test_an_uploaded_file_reaches_the_worker(view: View) -> None:
    """The worker reads the bytes that a client sent, and the copy is gone after the run."""
    content = b"sku,stock\n" * 200_000
    operations = {
        "query": "mutation ($file: Upload!) { measure(file: $file) { id } }",
        "variables": {"file": None},
    }

    answer = httpx.post(
        f"{view.site.url}{view.path}",
        data={"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.file"]})},
        files={"0": ("stock.csv", content)},
        timeout=20,
    )
    run = view.wait_for_end(answer.json()["data"]["measure"]["id"])

    assert run["output"] == {
        "name": "stock.csv",
        "size": len(content),
        "digest": hashlib.sha256(content).hexdigest(),
    }
    wait_until(lambda: not list(view.site.settings.uploads.iterdir()), "the removal of the file")
