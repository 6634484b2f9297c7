"""What an attempt meets around it, and leaves behind, touches nobody else."""

from __future__ import annotations

import decimal
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import timedelta

import pytest
import strawberry

from strawberry_tasks import OwnerPolicy, Tasks, TaskStatus, Viewer
from strawberry_tasks.surroundings import PlainSurroundings
from strawberry_tasks.testing import inline
from tests.apps.escapes import PanicException
from tests.patience import PATIENCE, SECONDS
from tests.processes import wait_until
from tests.unit.lone_task import declare, end_of

LANGUAGE: ContextVar[str] = ContextVar("language", default="en")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_what_a_run_inline_sets_is_not_seen_by_its_caller(is_async: bool) -> None:
    """It begins with what the caller has set, and the caller finds that again, in the very same decimal context too."""

    def work() -> str:
        found = f"{LANGUAGE.get()} {decimal.getcontext().prec}"
        LANGUAGE.set("fr")
        decimal.getcontext().prec = 3
        return found

    async def awork() -> str:
        return work()

    token = LANGUAGE.set("de")
    try:
        tasks, task = declare(awork if is_async else work)
        with decimal.localcontext(prec=9), inline(tasks):
            found = task.enqueue().result(PATIENCE)

            assert (found, LANGUAGE.get(), decimal.getcontext().prec) == ("de 9", "de", 9)
    finally:
        LANGUAGE.reset(token)


def test_a_ctrl_c_ends_the_run_and_then_the_program() -> None:
    """Where a run is performed inline, it is the whole program that somebody wants to end, and no attempt follows."""
    tasks, task = declare(press_ctrl_c, max_retries=3)

    with inline(tasks), pytest.raises(KeyboardInterrupt):
        task.enqueue()

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert interrupted == [1]


interrupted: list[int] = []


def press_ctrl_c() -> None:
    interrupted.append(1)
    signal.raise_signal(signal.SIGINT)


class Cluttered(PlainSurroundings):
    """Surroundings that cannot be entered at first, or not be left."""

    def __init__(self, *, entering: int = 0, leaving: bool = False) -> None:
        self.entering = entering
        self.leaving = leaving

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        self._enter()
        yield
        self._leave()

    @asynccontextmanager
    async def on_loop(self) -> AsyncIterator[None]:
        self._enter()
        yield
        self._leave()

    def _enter(self) -> None:
        if self.entering:
            self.entering -= 1
            raise PanicException("no way in")

    def _leave(self) -> None:
        if self.leaving:
            raise ValueError("no way out")


async def work_async() -> int:
    return 1


def work() -> int:
    return 1


@pytest.mark.parametrize("function", [work, work_async])
def test_surroundings_that_cannot_be_entered_fail_the_attempt(function: object) -> None:
    """They end it as its function could, and it is tried again."""
    tasks = Tasks("memory://", max_retries=1, retry_delay=timedelta(milliseconds=1), surroundings=Cluttered(entering=2))
    task = tasks.task(name="work")(function)  # type: ignore[call-overload]
    try:
        handle = task.enqueue()
        wait_until(lambda: handle.refresh().is_terminal, "it ends", SECONDS)

        run = handle.refresh()
    finally:
        tasks.close()
    assert (run.status, run.attempt) == (TaskStatus.FAILED, 2)
    assert (run.failure.code, run.failure.exception) == ("TASK_ERROR", "PanicException")


@pytest.mark.parametrize("function", [work, work_async])
def test_surroundings_that_cannot_be_left_hurt_nothing(function: object, caplog: pytest.LogCaptureFixture) -> None:
    """The function has done its work; operators read what went wrong."""
    tasks = Tasks("memory://", max_retries=0, surroundings=Cluttered(leaving=True))
    task = tasks.task(name="work")(function)  # type: ignore[call-overload]
    try:
        assert task.enqueue().result(PATIENCE) == 1
    finally:
        tasks.close()
    assert "no way out" in caplog.text


class Panicking(OwnerPolicy):
    def load_user(self, viewer: Viewer) -> object:
        raise PanicException("user")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("asks", [False, True])
def test_a_user_who_cannot_be_loaded(is_async: bool, asks: bool) -> None:
    """Whatever the policy raises is raised where the function asks, if it does."""
    tasks = Tasks("memory://", max_retries=0, policy=Panicking())

    def work(info) -> None:  # type: ignore[no-untyped-def]
        if asks:
            _ = info.context.user

    async def awork(info) -> None:  # type: ignore[no-untyped-def]
        work(info)

    run = end_of(tasks, tasks.task()(awork if is_async else work))

    assert run.status is (TaskStatus.FAILED if asks else TaskStatus.COMPLETED)
    assert not asks or (run.failure is not None and run.failure.exception == "PanicException")


class Fragile:
    """A value of a scalar that cannot be read, or not be written."""


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("breaks", "code"), [("load", "REJECTED"), ("dump", "TASK_ERROR")])
def test_a_value_that_panics(is_async: bool, breaks: str, code: str) -> None:
    """Arguments that cannot be loaded and results that cannot be dumped end the attempt, whatever they raise."""

    def panic(value: object) -> object:
        raise PanicException(breaks)

    scalar = strawberry.scalar(
        name="Fragile",
        serialize=panic if breaks == "dump" else lambda value: "",
        parse_value=panic if breaks == "load" else lambda value: Fragile(),
    )
    tasks = Tasks("memory://", max_retries=0, scalar_map={Fragile: scalar})

    def echo(value: Fragile | None = None) -> Fragile:
        return value or Fragile()

    async def aecho(value: Fragile | None = None) -> Fragile:
        return echo(value)

    run = end_of(tasks, tasks.task()(aecho if is_async else echo), *([Fragile()] if breaks == "load" else []))

    assert run.status is TaskStatus.FAILED
    assert run.failure is not None
    assert (run.failure.code, run.failure.exception) == (code, "PanicException")
