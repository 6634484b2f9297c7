"""What clients read of errors that nobody has foreseen: a code, and none of the words of drivers and systems."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from graphql import GraphQLError

from strawberry_tasks import OwnerPolicy, Schema, Tasks, Viewer
from strawberry_tasks.log import Sender
from strawberry_tasks.snapshot import Snapshot
from strawberry_tasks.stores.base import NewRun

SECRET = 'relation "secrets" at 10.0.0.7'


class OperationalError(Exception):
    """What the drivers of databases call their outages."""


class Failing:
    """A dispatch that fails as it is told to."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __call__(self, task: Sender, runs: Sequence[NewRun]) -> Sequence[Snapshot]:
        raise self._error

    def held(self, run_id: str) -> Snapshot | None:
        raise self._error

    def cancel(self, run_id: str) -> Snapshot | None:
        raise self._error


ERRORS = [
    (RuntimeError(SECRET), "INTERNAL_ERROR", "INTERNAL_ERROR"),
    (ValueError(SECRET), "INTERNAL_ERROR", "INTERNAL_ERROR"),
    (OperationalError(SECRET), "QUEUE_UNAVAILABLE", "STORE_UNAVAILABLE"),
    (OSError(errno.ENOSPC, SECRET), "QUEUE_UNAVAILABLE", "STORE_UNAVAILABLE"),
]


@pytest.fixture(params=ERRORS, ids=lambda case: type(case[0]).__name__)
def case(request: pytest.FixtureRequest) -> Any:
    """An error, and the codes that a mutation and a query have for it."""
    return request.param


@pytest.fixture
def schema(case: Any) -> Iterator[Schema]:
    """A schema whose tasks meet it wherever they go."""
    tasks = Tasks("memory://", dispatch=Failing(case[0]))

    @tasks.mutation()
    def work() -> None: ...

    yield Schema(extensions=[tasks.extension])
    tasks.close()


@pytest.mark.parametrize("operation", ["mutation { work { id } }", '{ task(id: "some") { id } }'])
@pytest.mark.parametrize("is_async", [False, True])
async def test_words_of_systems_stay_in_the_log(
    schema: Schema, case: Any, operation: str, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """There they are in full."""
    answer = await schema.execute(operation) if is_async else await _in_thread(schema, operation)

    assert answer.errors
    assert answer.errors[0].extensions == {"code": case[1 if operation.startswith("mutation") else 2]}
    assert "secrets" not in str(answer.errors)
    assert "secrets" in caplog.text


async def test_a_subscription_ends_with_a_code(schema: Schema, case: Any) -> None:
    """Like a query."""
    answers = [
        answer async for answer in await schema.subscribe('subscription { taskProgress(taskId: "some") { id } }')
    ]  # type: ignore[union-attr]

    assert [answer.errors[0].extensions for answer in answers if answer.errors] == [{"code": case[2]}]
    assert "secrets" not in str(answers)


class Strict(OwnerPolicy):
    """A policy that says no in its own way."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def viewer(self, context: object) -> Viewer:
        if context is None:
            raise self._error
        return Viewer(id="ann", is_staff=True)

    def may_see(self, viewer: Viewer, run: Snapshot) -> bool:
        raise self._error


@pytest.mark.parametrize("error", [ValueError("Not you."), GraphQLError("Not you.", extensions={"code": "MINE"})])
@pytest.mark.parametrize("context", [None, {}])
@pytest.mark.parametrize("operation", ['{ task(id: "%s") { id } }', "{ tasks { nodes { id } } }"])
def test_errors_of_the_users_own_pass(error: Exception, context: object, operation: str) -> None:
    """Such as those of a policy."""
    tasks = Tasks("memory://", policy=Strict(error), backend="sync")

    @tasks.mutation()
    def work() -> None: ...

    run = work.enqueue()
    operation = operation.replace("%s", run.id)
    answer = Schema(extensions=[tasks.extension]).execute_sync(operation, context_value=context)
    tasks.close()

    assert answer.errors
    assert answer.errors[0].message == "Not you."
    assert "INTERNAL_ERROR" not in str(answer.errors)


async def _in_thread(schema: Schema, operation: str) -> Any:
    return await asyncio.to_thread(schema.execute_sync, operation)
