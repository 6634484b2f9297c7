"""The test project as it runs: one web process that performs its tasks itself, and the people who come to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.graphql_socket import GraphQLSocket, graphql_socket
from tests.processes import wait_until
from tests.programs import Web

RECHECK = 0.2
"""Seconds between two questions who watches, where a test does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Site:
    """The test project.

    Attributes:
        web: Its process.
        backstage: Somebody who is not signed in.
        environment: What other processes of the project need to know.
    """

    web: Web
    backstage: Visitor
    environment: Mapping[str, str]

    def change_user(self, name: str, **facts: object) -> str:
        """Create or change a user, and return the owner's id of their runs."""
        return str(self.backstage.stage("change-user", name=name, **facts))

    def delete_user(self, name: str) -> None:
        """Delete a user."""
        self.backstage.stage("delete-user", name=name)

    def start(self, owner: str | None, task: str = "add", *, waits: bool = True) -> str:
        """Start a run, and return its id.

        Args:
            owner: Whose it is.
            task: ``"add"``, or ``"crash"``, which fails.
            waits: Whether it stays PENDING.
        """
        arguments = {"left": 1, "right": 2} if task == "add" else {}
        return str(self.backstage.stage("start", task=task, owner=owner, waits=waits, arguments=arguments))

    def watchers(self) -> int:
        """Return how many streams are open."""
        return int(self.backstage.stage("watchers"))

    @contextmanager
    def visit(self, user: str | None = None) -> Iterator[Visitor]:
        """Come as somebody, or as nobody."""
        with visiting(self.web) as visitor:
            if user is not None:
                visitor.stage("sign-in", name=user)
            yield visitor


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with cookies."""

    client: httpx.Client
    websocket_url: str

    def stage(self, act: str, **facts: object) -> Any:
        """Have something done behind the scenes, with the visitor's cookies."""
        return self.client.post(f"/stage/{act}/", json=facts).raise_for_status().json()["answer"]

    def execute(self, document: str, /, *, path: str = "/graphql/", **variables: Any) -> Any:
        """Execute an operation, and return its answer."""
        answer = self.client.post(path, json={"query": document, "variables": variables}, headers=self.csrf_token)
        return answer.raise_for_status().json()

    def submit(self, path: str, form: dict[str, str]) -> httpx.Response:
        """Submit a form, and return the page that follows."""
        return self.client.post(path, data=form, headers=self.csrf_token, follow_redirects=True)

    @property
    def csrf_token(self) -> dict[str, str]:
        """The header that Django expects with what changes something."""
        if "csrftoken" not in self.client.cookies:
            self.client.get("/graphql/", headers={"Accept": "text/html"}).raise_for_status()
        return {"X-CSRFToken": self.client.cookies["csrftoken"]}

    def result(self, run_id: str) -> Any:
        """Return what a run of the visitor's returned, once it has ended."""
        look = f'{{ task(id: "{run_id}") {{ isTerminal result }} }}'
        wait_until(lambda: self.execute(look)["data"]["task"]["isTerminal"], f"the end of {run_id}")
        return self.execute(look)["data"]["task"]["result"]

    @property
    def cookie(self) -> str:
        """The cookies, as a header has them."""
        return "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())

    @asynccontextmanager
    async def socket(self, **headers: str) -> AsyncIterator[GraphQLSocket]:
        """Open a GraphQL websocket with the visitor's cookies."""
        cookies = {"Cookie": self.cookie} if self.client.cookies else {}
        async with graphql_socket(self.websocket_url, headers={**cookies, **headers}) as socket:
            yield socket


@contextmanager
def running_project(
    directory: Path,
    *,
    app: str = "tests.django.project.asgi:application",
    settings: str = "tests.django.project.settings",
    database_url: str | None = None,
    tasks_url: str = "memory://",
    options: Mapping[str, object] | None = None,
) -> Iterator[Site]:
    """Run the project for the block.

    Args:
        directory: Where its log goes, and its database unless there is another one.
        app: The ASGI application.
        settings: The settings' module.
        database_url: An empty database; by default one of SQLite.
        tasks_url: Where the runs are.
        options: More for ``STRAWBERRY_TASKS``.
    """
    environment = {
        "DJANGO_SETTINGS_MODULE": settings,
        "TEST_PROJECT_DATABASE_URL": database_url or f"sqlite:///{directory / 'project.sqlite3'}",
        "TEST_TASKS_URL": tasks_url,
        "TEST_TASKS_OPTIONS": json.dumps({"RECHECK": RECHECK, **(options or {})}),
    }
    with Web(app, environment=environment, log=directory / "web.log") as web, visiting(web) as backstage:
        yield Site(web, backstage, environment)


@contextmanager
def visiting(web: Web) -> Iterator[Visitor]:
    """Come to a web process, without any cookie."""
    # Nothing is encrypted here; to load the certificates takes longer than most tests.
    with httpx.Client(base_url=web.url, timeout=20, verify=False) as client:
        yield Visitor(client, f"{web.websocket_url}/graphql/")
