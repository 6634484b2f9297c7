"""The test project, and its parts in the process of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from tests.databases import fresh_postgres
from tests.django.sites import Site, running_project

if TYPE_CHECKING:
    from django.test import Client


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The project on each database."""
    database = fresh_postgres("project") if request.param == "postgres" else nullcontext()
    with (
        database as url,
        running_project(tmp_path_factory.mktemp("project"), database_url=url) as site,
    ):
        yield site


@pytest.fixture
def closed_tasks() -> Iterator[None]:
    """Nothing that a test started or put into the memory store is there for the next one."""
    from strawberry_tasks.django import default_tasks  # noqa: PLC0415 - Django has no settings yet when this file is imported

    yield
    default_tasks.close()


@pytest.fixture
def boss(client: Client, django_user_model: Any) -> Client:
    """A superuser's browser."""
    client.force_login(django_user_model.objects.create_superuser("boss"))
    return client
