"""The scenarios on every backend; the worker process is shared by the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps.scenarios import Gate, Scenarios
from tests.apps.settings import Settings
from tests.namespaces import fresh_namespace
from tests.programs import CeleryWorker, Worker

REMOTE = {"dramatiq": "remote", "celery": "by_celery"}
"""The fixtures of those that have worker processes."""


@pytest.fixture(scope="session")
def remote(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenarios]:
    """The scenarios, performed by a worker process."""
    directory = tmp_path_factory.mktemp("dramatiq")
    with fresh_namespace(redis_url) as namespace:
        settings = Settings(url=redis_url, namespace=namespace, uploads=directory / "uploads")
        with Worker("tests.apps.scenarios_worker", environment=settings.environment, log=directory / "worker.log"):
            tasks = settings.make_tasks()
            yield Scenarios(tasks)
            tasks.close()


@pytest.fixture(scope="session")
def by_celery(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenarios]:
    """The scenarios, performed by a worker of Celery's."""
    directory = tmp_path_factory.mktemp("celery")
    with fresh_namespace(redis_url) as namespace:
        settings = Settings(
            url=redis_url, namespace=namespace, uploads=directory / "uploads", broker=f"celery+{redis_url}"
        )
        log = directory / "worker.log"
        with (
            CeleryWorker("tests.apps.scenarios_celery:app", environment=settings.environment, log=log),
            settings.make_celery() as app,
        ):
            tasks = settings.make_tasks(app)
            yield Scenarios(tasks)
            tasks.close()


@pytest.fixture(params=["dramatiq", "celery", "thread", "sync"])
def scenarios(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scenarios]:
    """The scenarios on each backend."""
    if request.param in REMOTE:
        yield request.getfixturevalue(REMOTE[request.param])
    else:
        yield from _local(request.param, tmp_path)


@pytest.fixture(params=["dramatiq", "celery", "thread"])
def queued(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scenarios]:
    """The scenarios on each backend that does not perform a run before `enqueue` returns."""
    if request.param in REMOTE:
        yield request.getfixturevalue(REMOTE[request.param])
    else:
        yield from _local(request.param, tmp_path)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """What some tasks wait for."""
    return Gate(str(tmp_path / "gate"))


def _local(backend: str, directory: Path) -> Iterator[Scenarios]:
    settings = Settings(url="memory://", namespace="test", uploads=directory / "uploads", options={"backend": backend})
    tasks = settings.make_tasks()
    yield Scenarios(tasks)
    tasks.close()
