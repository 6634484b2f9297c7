"""Nothing is enqueued before permissions and extensions have agreed, in sync and in async execution."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import strawberry
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.types.execution import ExecutionResult

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.testing import Recorder, recorded
from tests.operations import Person

Execute = Callable[[strawberry.Schema, str, object], Awaitable[ExecutionResult]]


class IsSignedIn(BasePermission):
    message = "Sign in."

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return info.context["user"] is not None


class IsSignedInAsync(BasePermission):
    message = "Sign in."

    async def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return info.context["user"] is not None


class Guard(FieldExtension):
    """Refuses whoever is not signed in, in either kind of execution."""

    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        if info.context["user"] is None:
            raise PermissionError("Sign in.")
        return next_(source, info, **kwargs)

    async def resolve_async(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        if info.context["user"] is None:
            raise PermissionError("Sign in.")
        return await next_(source, info, **kwargs)


class GuardAsync(FieldExtension):
    """Refuses whoever is not signed in, in async execution alone."""

    async def resolve_async(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        if info.context["user"] is None:
            raise PermissionError("Sign in.")
        return await next_(source, info, **kwargs)


class Upper(FieldExtension):
    """Changes an argument on its way."""

    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        return next_(source, info, word=kwargs["word"].upper())


async def execute_sync(schema: strawberry.Schema, document: str, user: object) -> ExecutionResult:
    """Execute off the event loop, as a WSGI server does."""
    return await asyncio.to_thread(schema.execute_sync, document, context_value={"user": user})


async def execute_async(schema: strawberry.Schema, document: str, user: object) -> ExecutionResult:
    """Execute on the event loop, as an ASGI server does."""
    return await schema.execute(document, context_value={"user": user})


SYNC_OR_ASYNC = pytest.mark.parametrize("execute", [execute_sync, execute_async])

GUARDS: list[dict[str, Any]] = [
    {"permission_classes": [IsSignedIn]},
    {"permission_classes": [IsSignedInAsync]},
    {"permission_classes": [IsSignedIn, IsSignedInAsync]},
    {"extensions": [Guard()]},
    {"extensions": [GuardAsync()]},
    {"permission_classes": [IsSignedIn], "extensions": [GuardAsync()]},
    {"permission_classes": [IsSignedInAsync], "extensions": [Guard()]},
]


def is_async_only(options: dict[str, Any]) -> bool:
    """Tell whether Strawberry itself can execute these on an event loop alone."""
    return IsSignedInAsync in options.get("permission_classes", ()) or any(
        isinstance(extension, GuardAsync) for extension in options.get("extensions", ())
    )


CASES = [
    pytest.param(options, execute, id=f"{number}-{execute.__name__}")
    for number, options in enumerate(GUARDS)
    for execute in (execute_sync, execute_async)
    if execute is execute_async or not is_async_only(options)
]


async def start(options: dict[str, Any], execute: Execute, user: object) -> tuple[ExecutionResult, Recorder]:
    """Call a guarded task's mutation."""
    tasks = Tasks("memory://")

    @tasks.mutation(**options)
    def work(word: str) -> str:
        return word

    schema = Schema(extensions=[tasks.extension])
    with recorded(tasks) as recorder:
        return await execute(schema, 'mutation { work(word: "a") { status } }', user), recorder


@pytest.mark.parametrize(("options", "execute"), CASES)
async def test_refused(options: dict[str, Any], execute: Execute) -> None:
    """Whoever is refused starts nothing, and reads why."""
    result, recorder = await start(options, execute, None)

    assert result.errors is not None
    assert result.errors[0].message == "Sign in."
    recorder.assert_nothing_enqueued()


@pytest.mark.parametrize(("options", "execute"), CASES)
async def test_allowed(options: dict[str, Any], execute: Execute) -> None:
    """Whoever is allowed starts one run."""
    result, recorder = await start(options, execute, Person())

    assert result.errors is None
    assert result.data == {"work": {"status": "PENDING"}}
    (run,) = recorder.runs
    assert run.owner == "1"


@SYNC_OR_ASYNC
async def test_extension_changes_an_argument(execute: Execute) -> None:
    """An extension may change what is enqueued."""
    result, recorder = await start({"extensions": [Upper()]}, execute, None)

    assert result.errors is None
    assert recorder.runs[0].arguments == {"word": "A"}


async def test_permissions_stand_outside_extensions() -> None:
    """A permission is asked before the user's own extensions do anything."""
    calls = []

    class Spy(FieldExtension):
        def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
            calls.append("extension")
            return next_(source, info, **kwargs)

    await start({"permission_classes": [IsSignedIn], "extensions": [Spy()]}, execute_async, None)

    assert calls == []
