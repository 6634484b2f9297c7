"""Every kind of store, for the tests that all of them have to pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from strawberry_tasks.stores import open_store
from strawberry_tasks.stores.base import LEASE, Store

MakeStore = Callable[..., Store]


@pytest.fixture(params=["memory", "redis"])
def make_store(request: pytest.FixtureRequest) -> Iterator[MakeStore]:
    """Make stores of each kind, with a ``result_ttl`` and perhaps a ``lease``."""
    made: list[Store] = []

    def make(result_ttl: timedelta, lease: timedelta = LEASE) -> Store:
        if request.param == "memory":
            url, namespace = "memory://", "test"
        else:
            url, namespace = request.getfixturevalue("redis_url"), request.getfixturevalue("namespace")
        made.append(open_store(url, namespace=namespace, result_ttl=result_ttl, lease=lease))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    """A store of each kind that keeps what has ended for an hour."""
    return make_store(timedelta(hours=1))


@pytest.fixture
def hasty(make_store: MakeStore) -> Store:
    """A store whose leases lapse soon."""
    return make_store(timedelta(hours=1), timedelta(milliseconds=100))
