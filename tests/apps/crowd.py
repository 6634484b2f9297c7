"""Async tasks of which one process performs many at a time, to be declared on any `Tasks`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path

from strawberry_tasks import TaskContext, Tasks
from tests.apps.scenarios import SOON, Gate, until_open

LIMIT = timedelta(seconds=1)
"""The time limit of `wait_briefly`."""

_number: ContextVar[int | None] = ContextVar("number", default=None)


class Crowd:
    """The tasks, declared.

    Attributes:
        tasks: Where they are declared.
    """

    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks
        self.wait = tasks.task(max_retries=1, retry_delay=timedelta(0))(wait)
        self.wait_briefly = tasks.task(max_retries=0, timeout=LIMIT)(wait_briefly)
        self.hold = tasks.task(max_retries=0)(hold)
        self.cling = tasks.task(max_retries=0)(cling)
        self.block = tasks.task(max_retries=0)(block)
        self.block_at_once = tasks.task(max_retries=0, timeout=LIMIT)(block_at_once)
        self.leave = tasks.task(max_retries=0)(leave)
        self.stumble = tasks.task(max_retries=2, retry_delay=SOON)(stumble)
        self.remember = tasks.task(max_retries=0)(remember)
        self.note = tasks.task(max_retries=0)(note)
        self.note_elsewhere = tasks.task(max_retries=0, queue="elsewhere")(note_elsewhere)


async def wait(seconds: float) -> int:
    """Wait for so long, and return the process."""
    await asyncio.sleep(seconds)
    return os.getpid()


async def wait_briefly(seconds: float) -> int:
    """Do the same within a limit."""
    return await wait(seconds)


async def hold(task: TaskContext, gate: str) -> int:
    """Wait until the gate opens, with a mark beside it meanwhile; return the process."""
    with _marked(f"{gate}.{task.id}"):
        for _ in until_open(gate):
            await asyncio.sleep(0.01)
    return os.getpid()


async def cling(task: TaskContext, gate: str) -> int:
    """Do the same, and do not let oneself be canceled."""
    with _marked(f"{gate}.{task.id}"):
        for _ in until_open(gate):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
    return os.getpid()


async def block(gate: str) -> None:
    """Block the event loop until the gate opens, in an asyncio task of its own."""

    async def wait_carelessly() -> None:
        _block_until_open(gate)

    await asyncio.create_task(wait_carelessly())


async def block_at_once(seconds: float) -> None:
    """Block the event loop longer than the task may take, and go on."""
    _block(seconds)
    await asyncio.Event().wait()


async def leave() -> None:
    """Leave the program, in an asyncio task of its own."""

    async def exit_program() -> None:
        raise SystemExit(3)

    await asyncio.create_task(exit_program())


async def stumble(task: TaskContext, failures: int) -> int:
    """Fail so many times, then return the number of the attempt."""
    await asyncio.sleep(0)
    if task.attempt <= failures:
        raise RuntimeError("not yet")
    return task.attempt


async def remember(number: int) -> int | None:
    """Return what another run has left in a context variable, and leave something there."""
    before = _number.get()
    _number.set(number)
    await asyncio.sleep(0.01)
    return before


def note(text: str) -> str:
    """Return the text, without an event loop."""
    return text


def note_elsewhere(text: str) -> str:
    """Do the same from another queue."""
    return text


def _block(seconds: float) -> None:
    time.sleep(seconds)


def _block_until_open(gate: str) -> None:
    for _ in until_open(gate):
        time.sleep(0.01)


@contextmanager
def _marked(path: str) -> Iterator[None]:
    mark = Path(path)
    mark.touch()
    try:
        yield
    finally:
        mark.unlink()


def at_work(gate: Gate) -> int:
    """Count the functions that wait at a gate."""
    path = Path(gate.path)
    return len(list(path.parent.glob(f"{path.name}.*")))
