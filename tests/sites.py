"""A web process and a worker process that belong together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.apps.scenarios import Scenarios
from tests.apps.settings import Settings
from tests.namespaces import fresh_namespace
from tests.programs import Web, Worker


@dataclass(frozen=True, slots=True)
class Site:
    """The test application as it runs.

    Attributes:
        settings: Where its state is.
        url: Where it answers.
        websocket_url: Where it takes websockets.
        scenarios: Its tasks, declared once more in this process.
    """

    settings: Settings
    url: str
    websocket_url: str
    scenarios: Scenarios

    def execute(self, document: str, /, path: str = "/graphql/", user: str | None = None, **variables: Any) -> Any:
        """Execute a query or mutation, and return its data."""
        headers = {"X-User": user} if user else {}
        body = {"query": document, "variables": variables}
        answer = httpx.post(f"{self.url}{path}", json=body, headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]


@contextmanager
def running_site(
    redis_url: str, directory: Path, *, app: str = "tests.apps.web:app", threads: int = 8
) -> Iterator[Site]:
    """Run a test application with a worker for the block.

    Args:
        redis_url: Where Redis is.
        directory: Where uploads and logs go.
        app: The ASGI application.
        threads: How many runs the worker performs at a time.
    """
    with fresh_namespace(redis_url) as namespace:
        settings = Settings(url=redis_url, namespace=namespace, uploads=directory / "uploads")
        environment = settings.environment
        web = Web(app, environment=environment, log=directory / "web.log")
        worker = Worker(
            "tests.apps.scenarios_worker", environment=environment, log=directory / "worker.log", threads=threads
        )
        with web, worker:
            tasks = settings.make_tasks()
            yield Site(settings, web.url, web.websocket_url, Scenarios(tasks))
            tasks.close()
