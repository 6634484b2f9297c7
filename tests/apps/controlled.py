"""Tasks that run until they are told to stop, to be declared on any `Tasks`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from strawberry.file_uploads import Upload

from strawberry_tasks import TaskContext, TaskError, Tasks
from tests.apps.scenarios import GATE_SECONDS, Gate, until_open

HARD_LIMIT = timedelta(seconds=1)
"""How long the tasks that nothing ends may take."""

GRACE = timedelta(milliseconds=200)
"""How long `deaf` may go on that was told to stop."""


class Controlled:
    """The tasks, declared. While one runs its progress message is its process, and a file lies beside its gate.

    Attributes:
        tasks: Where they are declared.
    """

    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks
        self.report = tasks.mutation(max_retries=1, retry_delay=timedelta(0))(report)
        self.check = tasks.mutation(max_retries=0)(check)
        self.idle = tasks.mutation(max_retries=1)(idle)
        self.deaf = tasks.mutation(cancel_grace=GRACE)(deaf)
        self.deaf_once = tasks.mutation(max_retries=0)(deaf_once)
        self.stubborn = tasks.mutation()(stubborn)
        self.heed = tasks.mutation()(heed)
        self.fail = tasks.mutation(max_retries=0)(fail)
        self.fail_late = tasks.mutation(max_retries=3, retry_delay=timedelta(0))(fail_late)
        self.wait_long = tasks.mutation(max_retries=1, retry_delay=timedelta(hours=1))(wait_long)
        self.sleep_in_c = tasks.mutation(hard_timeout=HARD_LIMIT)(sleep_in_c)
        self.sleep_briefly = tasks.mutation(hard_timeout=GRACE)(sleep_briefly)
        self.lock_in_c = tasks.mutation(max_retries=0, hard_timeout=HARD_LIMIT)(lock_in_c)
        self.enter = tasks.mutation(concurrency=1, concurrency_key=lambda gate, room: room)(enter)
        self.enter_async = tasks.mutation(concurrency=1)(enter_async)
        self.keep = tasks.mutation(max_retries=0)(keep)


def report(task: TaskContext, gate: str) -> int:
    """Report progress until the gate opens; return the process."""
    with _at_work(gate):
        for _ in until_open(gate):
            task.progress(1, 2, str(os.getpid()))
            time.sleep(0.01)
    return os.getpid()


def check(task: TaskContext, gate: str) -> None:
    """Ask whether to stop until the gate opens."""
    with _at_work(gate):
        for _ in until_open(gate):
            try:
                task.check_canceled()
            except Exception:  # noqa: BLE001 - what careless functions do
                task.progress(0, message="swallowed")
            time.sleep(0.01)


async def idle(task: TaskContext, gate: str) -> int:
    """Await, without a word, until the gate opens."""
    with _at_work(gate):
        task.progress(1, 2, str(os.getpid()))
        for _ in until_open(gate):
            await asyncio.sleep(0.01)
    return os.getpid()


def deaf(gate: str) -> None:
    """Ask nobody until the gate opens."""
    with _at_work(gate):
        for _ in until_open(gate):
            time.sleep(0.01)


def deaf_once(gate: str) -> None:
    """Ask nobody until the gate opens, without a grace or a retry."""
    deaf(gate)


def stubborn(gate: str) -> str:
    """Finish, though told to stop."""
    with _at_work(gate):
        for _ in until_open(gate):
            time.sleep(0.01)
    return "finished"


async def heed(task: TaskContext, gate: str) -> None:
    """Turn the cancellation into an error of one's own."""
    try:
        await idle(task, gate)
    except asyncio.CancelledError as error:
        raise TaskError("Cleaned up.") from error


def fail(text: str) -> str:
    """Fail."""
    raise TaskError(f"No {text}.")


def fail_late(gate: str) -> None:
    """Fail when the gate opens."""
    deaf(gate)
    raise RuntimeError("not this time")


def wait_long() -> None:
    """Fail, and be due again much later."""
    raise RuntimeError("not now")


def sleep_in_c() -> None:
    """Stay in C code that lets other threads run."""
    time.sleep(GATE_SECONDS)


def sleep_briefly() -> None:
    """Do so for a second."""
    time.sleep(1)


def lock_in_c(exponent: int) -> int:
    """Stay in C code that lets no other thread run, for longer the greater the exponent."""
    return len(str(3**exponent))


def enter(gate: str, room: str) -> None:
    """Be in a room, where nobody else may be, until the gate opens."""
    deaf(gate)


async def enter_async(gate: str) -> None:
    """Be alone until the gate opens."""
    with _at_work(gate):
        for _ in until_open(gate):
            await asyncio.sleep(0.01)


def keep(gate: str, file: Upload) -> int:
    """Read an uploaded file when the gate opens."""
    for _ in until_open(gate):
        time.sleep(0.01)
    if not file.read():
        raise TaskError("The file is empty.")
    return 1


@contextmanager
def _at_work(gate: str) -> Iterator[None]:
    mark = work_mark(Gate(gate))
    mark.touch()
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def work_mark(gate: Gate) -> Path:
    """Return the file that lies there while a function is at work before the gate."""
    return Path(f"{gate.path}.at-work")
