"""The sample application as it runs: a web process, a worker process, and a client that behaves like a browser."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from strawberry_tasks.contrib.embedded import EmbeddedServer
from tests.processes import wait_until
from tests.programs import PYTHON_PATH, ROOT, ManagedWorker, Web

PASSWORD = "strawberry"
DATABASE = "shop.sqlite3"

RUN = """
  __typename id status isTerminal progress attempt error failure { code exception } result version
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """The sample application.

    Attributes:
        web: The web server's process.
        directory: Where its database and its files are.
        environment: What its processes find in their environment.
    """

    web: Web
    directory: Path
    environment: Mapping[str, str]

    @contextmanager
    def visit(self, user: str | None = None) -> Iterator[Visitor]:
        """Come as somebody, or as nobody."""
        with httpx.Client(base_url=self.web.url, timeout=30) as client:
            visitor = Visitor(client)
            client.get("/").raise_for_status()
            if user is not None:
                form = {"username": user, "password": PASSWORD, "csrfmiddlewaretoken": visitor.csrf_token}
                assert client.post("/sign-in/", data=form).status_code == 302
            yield visitor

    def manage(self, *words: str) -> str:
        """Run a management command, and return what it says."""
        return _manage(self.environment, *words)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with cookies."""

    client: httpx.Client

    @property
    def csrf_token(self) -> str:
        """The token that Django expects with what changes something."""
        return self.client.cookies["csrftoken"]

    @property
    def cookie(self) -> str:
        """The cookies, as a header has them."""
        return "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())

    def execute(self, document: str, /, **variables: Any) -> Any:
        """Execute an operation that must not fail, and return its data."""
        return self._data(self.client.post("/graphql", json={"query": document, "variables": variables}, **self._token))

    def upload(self, content: bytes, encoding: str = "AUTO", name: str = "products.csv") -> str:
        """Start an import, and return the run's id."""
        document = """mutation ($file: Upload!, $encoding: CsvEncoding!) {
          importProducts(file: $file, encoding: $encoding) { id }
        }"""
        operations = {"query": document, "variables": {"file": None, "encoding": encoding}}
        form = {"operations": json.dumps(operations), "map": json.dumps({"0": ["variables.file"]})}
        answer = self.client.post("/graphql", data=form, files={"0": (name, content, "text/csv")}, **self._token)
        run_id: str = self._data(answer)["importProducts"]["id"]
        return run_id

    def find(self, run_id: str) -> Any:
        """Return a run, or ``None``."""
        return self.execute(f"query ($id: ID!) {{ task(id: $id) {{ {RUN} }} }}", id=run_id)["task"]

    def wait(self, run_id: str, seconds: float = 60) -> Any:
        """Return the run once it has ended."""
        wait_until(lambda: self.find(run_id)["isTerminal"], f"the end of {run_id}", seconds)
        return self.find(run_id)

    @property
    def _token(self) -> dict[str, Any]:
        return {"headers": {"X-CSRFToken": self.csrf_token}}

    def _data(self, answer: httpx.Response) -> Any:
        assert answer.status_code == 200, answer.text
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]


@contextmanager
def running_shop(directory: Path, database_url: str | None = None) -> Iterator[Shop]:
    """Run the sample application, with its sample data, for the block.

    Args:
        directory: Where its files and logs go.
        database_url: An empty database; by default there is one in the directory, from `fill_database`.
    """
    with EmbeddedServer() as redis:
        environment = {
            "REDIS_URL": redis.url,
            "DATABASE_URL": database_url or f"sqlite:///{directory / DATABASE}",
            "SAMPLE_APP_VAR": str(directory),
            "DJANGO_SETTINGS_MODULE": "sample_app.settings",
        }
        if database_url is not None:
            _fill(environment)
        web = Web("sample_app.asgi:application", environment=environment, log=directory / "web.log")
        worker = ManagedWorker(
            "sample_app.manage",
            environment={**environment, "SUPPLIER_URL": f"{web.url}/supplier"},
            log=directory / "worker.log",
        )
        with web, worker:
            yield Shop(web, directory, environment)


def fill_database(directory: Path, shared: Path) -> None:
    """Put a database with the sample's data where `running_shop` and the demo look for it.

    Args:
        directory: Where their files are.
        shared: A directory of the whole test run, where one is made for all its processes: that takes seconds.
    """
    made = shared / DATABASE
    with (shared / "shop.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with TemporaryDirectory(dir=shared) as workshop:
                _fill({"DATABASE_URL": "", "SAMPLE_APP_VAR": workshop, "DJANGO_SETTINGS_MODULE": "sample_app.settings"})
                Path(workshop, DATABASE).rename(made)
    shutil.copy(made, directory / DATABASE)


def _fill(environment: Mapping[str, str]) -> None:
    _manage(environment, "migrate", "--no-input")
    _manage(environment, "load_sample_data")


def _manage(environment: Mapping[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "sample_app.manage", *words]
    all_of_it = {**os.environ, "PYTHONPATH": PYTHON_PATH, **environment}
    done = subprocess.run(command, env=all_of_it, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
