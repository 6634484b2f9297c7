"""Which errors reach the log."""

from __future__ import annotations

import logging

import pytest
import strawberry
from graphql import GraphQLError

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.errors import QueueUnavailableError
from strawberry_tasks.schema.outages import PAUSE, OutageLog
from strawberry_tasks.testing import inline, subscribe


def send() -> None: ...


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
    """What is nobody's refusal is told with its traceback."""
    tasks = Tasks("memory://")

    @strawberry.type
    class Query:
        @strawberry.field
        def odd(self) -> int:
            raise ZeroDivisionError

    schema = Schema(query=Query, extensions=[tasks.extension])

    await schema.execute("{ odd }")

    assert [record.exc_info is not None for record in caplog.records if record.name == "strawberry.execution"] == [True]


async def test_an_outage_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """All clients meet it at once: one line names the server, and what it answered, and no password."""
    tasks = Tasks("redis://:s3cret@127.0.0.1:1/0")
    tasks.mutation()(send)
    schema = Schema(extensions=[tasks.extension])

    for _ in range(5):
        answer = await schema.execute('{ task(id: "any") { id } }')
        assert answer.errors
    await schema.execute("mutation { send { id } }")
    tasks.close()

    lines = [record for record in caplog.records if record.name.startswith(("strawberry.", "strawberry_tasks.schema"))]
    assert [record.levelname for record in lines] == ["WARNING"]
    assert lines[0].getMessage().startswith("task was refused: The task store at 127.0.0.1:1 does not answer: ")
    assert lines[0].exc_info is None
    assert "s3cret" not in caplog.text


async def test_what_an_outage_refused_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """While it lasts, it is told of now and then, with the number of those in between."""
    error = GraphQLError("away", path=["send"], original_error=QueueUnavailableError())
    log = OutageLog()

    with pytest.MonkeyPatch.context() as patch:
        for second in (0.0, 1.0, 2.0, PAUSE.total_seconds()):
            patch.setattr("strawberry_tasks.schema.outages.time.monotonic", lambda second=second: second)
            log.note(error)

    assert [record.getMessage().partition(" So ")[2] for record in caplog.records] == [
        "",
        "were 2 more since the last time.",
    ]
