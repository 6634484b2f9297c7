"""What type checkers know of tasks that are written like resolvers, and of uploads: checked, never run."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, BinaryIO, assert_type

import strawberry

from strawberry_tasks import Handle, TaskContext, Tasks
from strawberry_tasks.uploads import Upload

tasks = Tasks("memory://")


class MyInfo(strawberry.Info[Any, Any]):
    """A project's own."""


@strawberry.type
class Query:
    """A root."""


@tasks.mutation()
def bare_info(info: strawberry.Info, provider: str) -> int:
    return len(provider)


@tasks.mutation()
async def info_of_types(info: strawberry.Info[dict[str, str], None], provider: str, *, count: int = 1) -> int:
    return count


@tasks.task()
def own_info(info: MyInfo, provider: str) -> int:
    return 1


@tasks.task()
def perhaps_info(info: strawberry.Info | None, provider: str) -> int:
    return 1


@tasks.task()
def only_info(info: strawberry.Info) -> None: ...


@tasks.mutation()
def after_root(root: None, info: strawberry.Info, provider: str) -> int:
    return 1


@tasks.mutation()
async def after_typed_root(root: Query, info: MyInfo, provider: str) -> int:
    return 1


@tasks.task()
def perhaps_context(task: TaskContext | None, provider: str) -> int:
    return 1


@tasks.task()
def nothing_filled_in(provider: str | None, count: int = 1) -> int:
    return count


async def starts() -> None:
    """Callers leave out what the worker fills in."""
    assert_type(bare_info.enqueue("a"), Handle[int])
    assert_type(bare_info.enqueue(provider="a"), Handle[int])
    assert_type(await info_of_types.aenqueue("a", count=2), Handle[int])
    assert_type(own_info.enqueue(provider="a"), Handle[int])
    assert_type(perhaps_info.enqueue(provider="a"), Handle[int])
    assert_type(only_info.enqueue(), Handle[None])
    assert_type(after_root.enqueue(provider="a"), Handle[int])
    assert_type(after_typed_root.enqueue("a"), Handle[int])
    assert_type(perhaps_context.enqueue("a"), Handle[int])
    assert_type(nothing_filled_in.enqueue("a", count=2), Handle[int])
    assert_type(nothing_filled_in.enqueue(None), Handle[int])


def refused(info: MyInfo) -> None:
    """It is an error to give it, and to give too little or something else."""
    bare_info.enqueue(info, "a")  # type: ignore[arg-type, call-arg]
    bare_info.enqueue()  # type: ignore[call-arg]
    bare_info.enqueue(1)  # type: ignore[arg-type]
    own_info.enqueue(info, "a")  # type: ignore[arg-type, call-arg]
    after_root.enqueue(None, info, "a")  # type: ignore[arg-type, call-arg]
    perhaps_context.enqueue(None, "a")  # type: ignore[arg-type, call-arg]
    nothing_filled_in.enqueue()  # type: ignore[call-arg]


@tasks.mutation()
def count_rows(file: Upload) -> int:
    """An upload is an open binary file."""
    assert_type(file, BinaryIO)
    with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        return sum(1 for _ in csv.reader(text))


@tasks.mutation()
def count_all(files: list[Upload], more: Upload | None = None) -> int:
    return sum(len(file.read()) for file in files) + (len(more.read()) if more else 0)


def uploads() -> None:
    """Any binary file can be given."""
    assert_type(count_rows.enqueue(file=io.BytesIO(b"a,b")), Handle[int])
    assert_type(count_all.enqueue([io.BytesIO(b"a,b")]), Handle[int])
    with Path("rows.csv").open("rb") as rows:
        count_rows.enqueue(rows)
    count_rows.enqueue("rows.csv")  # type: ignore[arg-type]
