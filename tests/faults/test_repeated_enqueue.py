"""An enqueue that was repeated, because its first answer got lost, and then hears nothing any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from strawberry_tasks import Snapshot, Tasks
from strawberry_tasks.errors import QueueUnavailableError, StoreUnavailableError
from strawberry_tasks.stores.base import NewRun
from strawberry_tasks.stores.redis import RedisStore
from tests.apps.settings import Settings
from tests.faults.tasks import make_tasks
from tests.servers import RedisServer

RUN = NewRun(id="r", name="work", queue="default", arguments="{}")


class Deaf(RedisStore):
    """Hears no answer to the question which run is there already."""

    def standing(self, run: NewRun) -> Snapshot | None:
        """Fail."""
        raise StoreUnavailableError("no answer")


@pytest.fixture
def tasks(server: RedisServer, tmp_path: Path) -> Iterator[Tasks]:
    """Tasks whose store and queue are on one server."""
    tasks = make_tasks(Settings(url=server.url, namespace="test", uploads=tmp_path / "uploads")).tasks
    yield tasks
    tasks.close()


def test_it_fails_as_any_enqueue(tasks: Tasks, server: RedisServer) -> None:
    """The caller gets the queue's error, and so takes back the run that the first try has recorded."""
    runtime, task = tasks.runtime(), tasks.find("work")
    runtime.backend.start(task, [RUN], store=runtime.store)
    deaf = Deaf(server.url, namespace="test", result_ttl=timedelta(days=1))

    with pytest.raises(QueueUnavailableError):
        runtime.backend.start(task, [RUN], store=deaf)

    deaf.close()
