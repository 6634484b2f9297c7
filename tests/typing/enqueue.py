"""What type checkers know of a task: checked by mypy, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import assert_type

import strawberry

from strawberry_tasks import Handle, Snapshot, Task, TaskContext, Tasks
from strawberry_tasks.schema.mutations import MutationTask

tasks = Tasks("memory://")


@strawberry.type
class Report:
    total: int


@tasks.mutation()
def plain(provider: str) -> Report:
    return Report(total=len(provider))


@tasks.mutation(queue="slow", max_retries=1)
async def plain_async(provider: str) -> Report:
    return Report(total=len(provider))


@tasks.task()
def with_context(task: TaskContext, provider: str, count: int = 1) -> list[int]:
    task.progress(1, total=count, message=provider)
    return [count]


@tasks.task(timeout=timedelta(minutes=1))
async def with_context_async(task: TaskContext, provider: str, *, count: int = 1) -> str | None:
    task.update_progress(10, "Fetching…")
    return provider if count else None


@tasks.task()
def nothing() -> None: ...


@tasks.task()
def only_context(task: TaskContext) -> None: ...


def declared_types() -> None:
    """A task has its function's parameters without the context, and its result without the coroutine."""
    assert_type(plain.enqueue("a"), Handle[Report])
    assert_type(plain_async.enqueue(provider="a"), Handle[Report])
    assert_type(with_context.enqueue("a"), Handle[list[int]])
    assert_type(with_context.enqueue("a", 2), Handle[list[int]])
    assert_type(with_context.enqueue(provider="a", count=2), Handle[list[int]])
    assert_type(with_context_async.enqueue("a", count=2), Handle[str | None])
    assert_type(nothing.enqueue(), Handle[None])
    assert_type(only_context.enqueue(), Handle[None])


def generic_types() -> None:
    """A task can be passed on as what it is."""
    mutation: MutationTask[[str], Report] = plain
    base: Task[[str], Report] = plain_async
    other: Task[[], None] = only_context
    wrong: Task[[int], Report] = plain  # type: ignore[assignment]
    del mutation, base, other, wrong


def results() -> None:
    """A result has the function's type."""
    assert_type(plain.enqueue("a").result(), Report)
    assert_type(plain_async.enqueue("a").result(timeout=timedelta(seconds=1)), Report)
    assert_type(with_context.enqueue("a").result(), list[int])


async def async_results() -> None:
    """The async twins have the same types."""
    assert_type(await plain.aenqueue("a"), Handle[Report])
    assert_type(await (await plain_async.aenqueue("a")).aresult(), Report)
    assert_type(await (await with_context_async.aenqueue("a", count=1)).aresult(timedelta(1)), str | None)
    assert_type(await plain.delay(provider="a", countdown=60), Handle[Report])
    assert_type(await (await plain.aenqueue("a")).arefresh(), Snapshot)


def batches() -> None:
    """A batch gives a handle for each set of arguments."""
    assert_type(plain.enqueue_many([{"provider": "a"}, ("b",)]), list[Handle[Report]])
    plain.enqueue_many(["a"])  # type: ignore[list-item]


async def control() -> None:
    """Canceling returns a state, retrying a handle with the same result."""
    handle = plain.enqueue("a")
    assert_type(handle.cancel(), Snapshot)
    assert_type(await handle.acancel(), Snapshot)
    assert_type(handle.retry(), Handle[Report])
    assert_type(await handle.aretry(), Handle[Report])


async def updates() -> None:
    """Updates are snapshots."""
    states: AsyncIterator[Snapshot] = plain.enqueue("a").updates(after=3)
    async for state in states:
        assert_type(state.progress, float)


def using() -> None:
    """A task with options of one start is typed like the task."""
    later = with_context.using(delay=timedelta(seconds=1), queue="other")
    assert_type(later.enqueue("a", count=3), Handle[list[int]])
    later.enqueue(1)  # type: ignore[arg-type]
    later.enqueue()  # type: ignore[call-arg]
    with_context.using(delay=5)  # type: ignore[arg-type]
    with_context.using(dealy=timedelta(1))  # type: ignore[call-arg]


async def refused() -> None:
    """Wrong, missing and superfluous arguments are errors."""
    plain.enqueue()  # type: ignore[call-arg]
    plain.enqueue(1)  # type: ignore[arg-type]
    plain.enqueue(suppplier="a")  # type: ignore[call-arg]
    plain.enqueue("a", "b")  # type: ignore[call-arg]
    plain_async.enqueue(provider=None)  # type: ignore[arg-type]
    with_context.enqueue("a", count="2")  # type: ignore[arg-type]
    with_context_async.enqueue("a", 2)  # type: ignore[call-arg]
    only_context.enqueue(1)  # type: ignore[call-arg]
    await plain.aenqueue(1)  # type: ignore[arg-type]
    await with_context_async.aenqueue()  # type: ignore[call-arg]


def wrong_context_calls(task: TaskContext) -> None:
    """Progress takes numbers and a text."""
    task.progress("1")  # type: ignore[arg-type]
    task.progress(1, message=5)  # type: ignore[arg-type]
    task.progress(1.5, 2)


@tasks.mutation  # type: ignore[arg-type]
def without_parentheses() -> None: ...


tasks.mutation(timeout=30)  # type: ignore[arg-type]
tasks.task(unknown=1)  # type: ignore[call-arg]
Tasks("memory://", result_ttl=60)  # type: ignore[arg-type]
