"""Tasks for every turn that a run can take, to be declared on any `Tasks`."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import strawberry
from strawberry.file_uploads import Upload

from strawberry_tasks import TaskContext, TaskError, Tasks, Viewer
from tests.apps.escapes import escape, escape_async, trace, trace_async

GATE_SECONDS = 60
"""How long a task waits at a gate before it gives up, so that no test leaves one behind."""

SOON = timedelta(milliseconds=20)
"""The wait between two attempts."""

LIMIT = timedelta(milliseconds=300)
"""The time limit of the tasks that never end."""


@strawberry.type
class Sum:
    """A typed result."""

    value: int
    process: int


@strawberry.type
class Measure:
    """What a task found in an uploaded file."""

    name: str
    size: int
    digest: str


@strawberry.enum
class Mood(Enum):
    """An enum that has to cross to the worker and back."""

    CALM = "calm"
    WILD = "wild"


@strawberry.type
class Visit:
    """Whom a task found in its context."""

    owner: str | None
    tenant: str | None
    user: str
    mood: Mood


class Gate:
    """A file that some tasks wait for, whatever process they are in.

    Attributes:
        path: The argument of those tasks.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def is_open(self) -> bool:
        """Whether the file is there."""
        return Path(self.path).exists()

    def open(self) -> None:
        """Let them go on."""
        Path(self.path).touch()


class Scenarios:
    """The tasks, declared.

    Attributes:
        tasks: Where they are declared.
    """

    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks
        self.add = tasks.mutation()(add)
        self.add_async = tasks.mutation()(add_async)
        self.count = tasks.mutation()(count)
        self.count_async = tasks.mutation()(count_async)
        self.flaky = tasks.mutation(max_retries=2, retry_delay=SOON)(flaky)
        self.stumble = tasks.mutation(max_retries=1, retry_delay=SOON)(stumble)
        self.give_up = tasks.mutation(max_retries=1, retry_delay=SOON)(give_up)
        self.hang = tasks.mutation(max_retries=0, timeout=LIMIT)(hang)
        self.hang_async = tasks.mutation(max_retries=0, timeout=LIMIT)(hang_async)
        self.measure = tasks.mutation()(measure)
        self.visit = tasks.mutation()(visit)
        self.note = tasks.task()(note)
        self.escape = tasks.task(max_retries=1, retry_delay=SOON)(escape)
        self.escape_async = tasks.task(max_retries=1, retry_delay=SOON)(escape_async)
        self.trace = tasks.task()(trace)
        self.trace_async = tasks.task()(trace_async)


def add(left: int, right: int) -> Sum:
    """Add two numbers."""
    return Sum(value=left + right, process=os.getpid())


async def add_async(left: int, right: int) -> Sum:
    """Add two numbers on an event loop."""
    await asyncio.sleep(0)
    return Sum(value=left + right, process=os.getpid())


def count(task: TaskContext, gate: str, steps: int = 4) -> int:
    """Report half of the steps, wait until the gate opens, and report the rest."""
    for step in range(1, steps + 1):
        task.progress(step, steps, f"step {step}")
        if step * 2 == steps:
            for _ in until_open(gate):
                time.sleep(0.01)
    return steps


async def count_async(task: TaskContext, gate: str, pace: float = 0.05) -> int:
    """Report a step every so many seconds for as long as the gate is closed."""
    for step in itertools.count(1):
        task.progress(step, 1_000_000, f"step {step}")
        if Gate(gate).is_open:
            return step
        await asyncio.sleep(pace)
    raise AssertionError("counting never ends")


def flaky(task: TaskContext, failures: int) -> int:
    """Fail so many times, then return the number of the attempt."""
    if task.attempt <= failures:
        raise RuntimeError("secret detail")
    return task.attempt


def stumble(task: TaskContext, gate: str) -> int:
    """Report some progress, wait until the gate opens, and fail in the first attempt."""
    task.progress(1, 2)
    for _ in until_open(gate):
        time.sleep(0.01)
    if task.attempt == 1:
        raise RuntimeError("secret detail")
    return task.attempt


def give_up(again: bool) -> None:
    """Fail in words that are meant for the client."""
    raise TaskError("The shelf is empty.", code="SHELF_EMPTY", retry=again)


def hang() -> None:
    """Never end."""
    forever = threading.Event()
    while not forever.wait(0.01):
        pass


async def hang_async() -> None:
    """Never end, on an event loop."""
    await asyncio.Event().wait()


def measure(file: Upload) -> Measure:
    """Read an uploaded file."""
    content = file.read()
    return Measure(name=Path(file.name).name, size=len(content), digest=hashlib.sha256(content).hexdigest())


def visit(info: strawberry.Info[Any, Any], mood: Mood = Mood.CALM) -> Visit:
    """Tell who started this."""
    viewer: Viewer = info.context.task.viewer
    tenant = viewer.claims.get("tenant")
    return Visit(
        owner=viewer.id, tenant=None if tenant is None else str(tenant), user=str(info.context.user), mood=mood
    )


def note(path: str) -> None:
    """Leave one more line in a file."""
    with Path(path).open("a") as notes:
        notes.write(f"{time.time()}\n")


def note_elsewhere(path: str) -> None:
    """Do the same from another queue."""
    note(path)


def pause() -> None:
    """Fail, and be due again much later."""
    raise RuntimeError("not now")


def until_open(gate: str) -> Iterator[None]:
    """Go round until the gate opens."""
    deadline = time.monotonic() + GATE_SECONDS
    while not Gate(gate).is_open:
        if time.monotonic() > deadline:
            raise TimeoutError("the gate stayed closed")
        yield
