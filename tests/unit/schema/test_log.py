"""Which errors reach the log."""

from __future__ import annotations

import logging

import pytest

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.testing import inline, subscribe


async def test_what_a_client_provokes_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Guessed ids would bury what an operator looks for under tracebacks."""
    tasks = Tasks("memory://")
    schema = Schema(extensions=[tasks.extension])

    with inline(tasks), caplog.at_level(logging.DEBUG):
        answer = await schema.execute("{ tasks(first: 0) { nodes { id } } }")
        with pytest.raises(Exception, match="no task with the id"):
            async for _ in subscribe(schema, 'subscription { taskProgress(taskId: "guessed") { id } }'):
                pass

    assert answer.errors
    assert [record for record in caplog.records if record.name.startswith("strawberry.")] == []


async def test_what_nobody_foresaw_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An outage is for the operator to know of."""
    tasks = Tasks("redis://127.0.0.1:1/0", backend="sync")
    schema = Schema(extensions=[tasks.extension])

    await schema.execute('{ task(id: "any") { id } }')

    assert [record for record in caplog.records if record.name == "strawberry.execution"]
    tasks.close()
