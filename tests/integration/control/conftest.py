"""Tasks that run until they are told to stop, on worker processes and on threads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps.controlled import Controlled
from tests.apps.scenarios import Gate
from tests.apps.settings import Settings
from tests.namespaces import fresh_namespace
from tests.programs import Worker


@pytest.fixture(scope="session")
def remote(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controlled]:
    """The tasks, performed by a worker process."""
    directory = tmp_path_factory.mktemp("controlled")
    with fresh_namespace(redis_url) as namespace:
        settings = Settings(url=redis_url, namespace=namespace, uploads=directory / "uploads")
        with Worker("tests.apps.controlled_worker", environment=settings.environment, log=directory / "worker.log"):
            tasks = settings.make_tasks()
            yield Controlled(tasks)
            tasks.close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Controlled]:
    """The tasks, performed by threads of this process."""
    tasks = Settings(url="memory://", namespace="test", uploads=tmp_path / "uploads").make_tasks()
    yield Controlled(tasks)
    tasks.close()


@pytest.fixture(params=["remote", "local"])
def controlled(request: pytest.FixtureRequest) -> Controlled:
    """The tasks on each backend that does not perform a run before `enqueue` returns."""
    tasks: Controlled = request.getfixturevalue(request.param)
    return tasks


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """What the tasks wait for; opened in the end, so that none stays behind."""
    gate = Gate(str(tmp_path / "gate"))
    yield gate
    gate.open()
