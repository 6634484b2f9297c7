"""Field extensions stand around the start of a run: each gets the handle or the error, however it and the operation are executed."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import strawberry
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission, PermissionExtension
from strawberry.types.execution import ExecutionResult
from strawberry.types.field import StrawberryField

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.errors import QueueUnavailableError
from strawberry_tasks.testing import Recorder, recorded
from tests.operations import Person

Execute = Callable[[strawberry.Schema, str, object], Awaitable[ExecutionResult]]

seen: contextvars.ContextVar[list[tuple[str, object]]] = contextvars.ContextVar("seen")
"""What each extension got from the one inside it: its name, and the handle's id or the error."""

stage: contextvars.ContextVar[str] = contextvars.ContextVar("stage", default="outside")


def note(extension: FieldExtension, got: object) -> None:
    seen.get().append((type(extension).__name__, got))


class Sync(FieldExtension):
    """Has only `resolve`."""

    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        try:
            handle = next_(source, info, **kwargs)
        except Exception as error:
            note(self, type(error))
            raise
        note(self, handle.id)
        return handle


class Async(FieldExtension):
    """Has only `resolve_async`."""

    async def resolve_async(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        try:
            handle = await next_(source, info, **kwargs)
        except Exception as error:
            note(self, type(error))
            raise
        note(self, handle.id)
        return handle


class Both(Async):
    """Has both."""

    resolve = Sync.resolve  # type: ignore[assignment]


class Passes(FieldExtension):
    """Passes on what waits for the handle, without waiting."""

    async def resolve_async(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        return next_(source, info, **kwargs)


class Adds(FieldExtension):
    """Adds another extension when the schema is made."""

    def apply(self, field: StrawberryField) -> None:
        field.extensions.append(Async())


class Yes(BasePermission):
    message = "No."

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return True


class YesAsync(BasePermission):
    message = "No."

    async def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return True


async def execute_sync(schema: strawberry.Schema, document: str, user: object) -> ExecutionResult:
    return await asyncio.to_thread(schema.execute_sync, document, context_value={"user": user})


async def execute_async(schema: strawberry.Schema, document: str, user: object) -> ExecutionResult:
    return await schema.execute(document, context_value={"user": user})


KINDS = (Sync, Async, Both, Passes)
CHAINS = [chain for length in (1, 2, 3) for chain in itertools.product(KINDS, repeat=length)]


def nothing() -> None: ...


def schema_with(*extensions: FieldExtension, permissions: Any = ()) -> tuple[Tasks, strawberry.Schema]:
    tasks = Tasks("memory://")

    @tasks.mutation(extensions=list(extensions), permission_classes=permissions)
    def work(word: str) -> str:
        return word

    return tasks, Schema(extensions=[tasks.extension])


async def start(
    *extensions: FieldExtension, execute: Execute = execute_async, permissions: Any = ()
) -> tuple[ExecutionResult, list[tuple[str, object]], Recorder]:
    noted: list[tuple[str, object]] = []
    seen.set(noted)
    tasks, schema = schema_with(*extensions, permissions=permissions)
    with recorded(tasks) as recorder:
        return await execute(schema, 'mutation { work(word: "a") { id } }', Person()), noted, recorder


async def test_each_sees_the_handle() -> None:
    """On an event loop extensions of all kinds, in any order, see the handle of the one run that is started."""
    tasks = Tasks("memory://")
    for number, chain in enumerate(CHAINS):
        tasks.mutation(name=f"work{number}", extensions=[kind() for kind in chain])(nothing)
    schema = Schema(extensions=[tasks.extension])

    for number, chain in enumerate(CHAINS):
        noted: list[tuple[str, object]] = []
        seen.set(noted)
        with recorded(tasks) as recorder:
            result = await schema.execute(f"mutation {{ work{number} {{ id }} }}")

        (run,) = recorder.runs
        assert result.data == {f"work{number}": {"id": run.id}}, (chain, result.errors)
        assert noted == [(kind.__name__, run.id) for kind in chain if kind is not Passes]


@pytest.mark.parametrize("permissions", [[Yes], [YesAsync], [Yes, YesAsync]])
@pytest.mark.parametrize("kind", [Sync, Async, Both])
async def test_permissions_beside_extensions(kind: type[FieldExtension], permissions: Any) -> None:
    """Permissions of either kind stand beside extensions of any, also those that are extensions themselves."""
    own = PermissionExtension([permission() for permission in permissions])
    result, noted, recorder = await start(kind(), own, permissions=permissions)

    assert result.errors is None
    (run,) = recorder.runs
    assert noted == [(kind.__name__, run.id)]


@pytest.mark.parametrize("chain", [(Sync,), (Both,), (Sync, Both), (Both, Sync)])
async def test_sync_execution(chain: tuple[type[FieldExtension], ...]) -> None:
    """Without an event loop it is the same for extensions that can be called there."""
    result, noted, recorder = await start(*(kind() for kind in chain), execute=execute_sync)

    assert result.errors is None
    (run,) = recorder.runs
    assert noted == [(kind.__name__, run.id) for kind in chain]


@pytest.mark.parametrize("execute", [execute_async, execute_sync])
@pytest.mark.parametrize("kind", [Sync, Async, Both])
async def test_an_error_is_raised_inside(kind: type[FieldExtension], execute: Execute) -> None:
    """What keeps a run from starting is raised where the extension waits for it."""
    if kind is Async and execute is execute_sync:
        pytest.skip("Strawberry itself executes it on an event loop alone.")
    noted: list[tuple[str, object]] = []
    seen.set(noted)
    tasks, schema = schema_with(kind())

    def refuse(*_: object, **__: object) -> Any:
        raise QueueUnavailableError

    with recorded(tasks):
        tasks.runtime().backend.start = refuse  # type: ignore[method-assign]
        result = await execute(schema, 'mutation { work(word: "a") { id } }', None)

    assert result.errors is not None
    assert (result.errors[0].extensions or {})["code"] == "QUEUE_UNAVAILABLE"
    assert noted == [(kind.__name__, QueueUnavailableError)]


async def test_an_extension_added_by_another() -> None:
    """One that another adds when the schema is made sees the handle, too."""
    result, noted, recorder = await start(Adds())

    assert result.errors is None
    assert noted == [("Async", recorder.runs[0].id)]


async def test_a_field_in_several_schemas() -> None:
    """A field that was placed by hand, in more than one schema, calls its extensions once."""
    noted: list[tuple[str, object]] = []
    seen.set(noted)
    tasks = Tasks("memory://")

    @tasks.mutation(extensions=[Sync(), Async()])
    def work(word: str) -> str:
        return word

    @strawberry.type
    class Mutation:
        field = work.mutation_field()

    schemas = [Schema(mutation=Mutation, extensions=[tasks.extension]) for _ in range(3)]
    with recorded(tasks) as recorder:
        result = await schemas[-1].execute('mutation { field(word: "a") { id } }')

    assert result.errors is None
    (run,) = recorder.runs
    assert noted == [("Sync", run.id), ("Async", run.id)]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_extension_answers_instead(kind: str) -> None:
    """One that does not call the next starts nothing, and its error is the client's."""

    class Refuses(FieldExtension):
        if kind == "sync":

            def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
                raise PermissionError("Not today.")

        else:

            async def resolve_async(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
                raise PermissionError("Not today.")

    result, _, recorder = await start(Refuses())

    assert result.errors is not None
    assert result.errors[0].message == "Not today."
    recorder.assert_nothing_enqueued()


async def test_context_variables_reach_inside() -> None:
    """What a sync extension sets around the rest is set for it, and what was set outside is set in the extension."""
    stages = []

    class Sets(FieldExtension):
        def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
            stages.append(stage.get())
            stage.set("inside")
            return next_(source, info, **kwargs)

    class Reads(FieldExtension):
        async def resolve_async(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
            stages.append(stage.get())
            return await next_(source, info, **kwargs)

    result, _, _ = await start(Reads(), Sets())

    assert result.errors is None
    assert stages == ["outside", "inside"]


async def test_the_loop_goes_on() -> None:
    """A sync extension that blocks does not block the event loop."""
    freed = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Blocks(FieldExtension):
        def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
            asyncio.run_coroutine_threadsafe(freed.wait(), loop).result(timeout=30)
            return next_(source, info, **kwargs)

    starting = asyncio.create_task(start(Blocks()))
    await asyncio.sleep(0)
    freed.set()
    result, _, recorder = await starting

    assert result.errors is None
    assert len(recorder.runs) == 1
