"""Web and worker processes, the sample application and a browser, shared by the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.apps.scenarios import Gate
from tests.browsers import running_browser
from tests.interop import installed_node
from tests.shops import Shop, fill_database, running_shop
from tests.sites import Site, running_site


@pytest.fixture(scope="session")
def site(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The plain ASGI application."""
    with running_site(redis_url, tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="session")
def django_site(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same tasks behind Django."""
    with running_site(redis_url, tmp_path_factory.mktemp("django"), app="tests.apps.django_web:app") as site:
        yield site


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of the test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, run_directory: Path) -> Iterator[Shop]:
    """The sample application, fresh for each module."""
    directory = tmp_path_factory.mktemp("shop")
    fill_database(directory, run_directory)
    with running_shop(directory) as shop:
        yield shop


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser."""
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def node() -> str:
    """Node.js, with the npm packages that the tests drive."""
    return installed_node()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """What some tasks wait for; it is open after the test."""
    gate = Gate(str(tmp_path / "gate"))
    yield gate
    gate.open()
