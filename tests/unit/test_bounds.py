"""What a task says and returns is kept up to a size, and no further."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from strawberry_tasks import Failure, Schema, Snapshot, TaskContext, TaskError, Tasks, TaskStatus
from strawberry_tasks.backends.sync import SyncBackend
from strawberry_tasks.errors import ConfigurationError, TaskFailedError
from strawberry_tasks.snapshot import MAX_MESSAGE, MAX_NAME, MAX_TRACEBACK, to_fields
from strawberry_tasks.stores.memory import MemoryStore
from strawberry_tasks.testing import inline
from tests.operations import Person, refuse
from tests.unit.lone_task import declare, end_of

HUGE = "x" * 3_000_000


def test_a_huge_message_is_cut() -> None:
    """A failure's message, its code, its exception's name and its traceback have their bounds; the traceback keeps both ends."""
    kind = type("E" * 1000, (TaskError,), {})

    def fail() -> None:
        raise kind(HUGE + "the end", code=HUGE)

    failure = end_of(*declare(fail)).failure

    assert failure is not None
    assert len(failure.message) == MAX_MESSAGE
    assert failure.message.endswith("x…")
    assert (len(failure.code), len(failure.exception or "")) == (MAX_NAME, MAX_NAME)
    traceback = failure.traceback or ""
    assert len(traceback) <= MAX_TRACEBACK
    assert traceback.startswith("Traceback (most recent call last)")
    assert "characters are left out" in traceback
    assert traceback.endswith("the end\n")


def test_a_deep_traceback_is_cut_in_its_middle() -> None:
    """One stays readable that an exception chain has made long."""

    def fail() -> None:
        try:
            raise ValueError("the first " + HUGE)
        except ValueError as error:
            raise RuntimeError("the last one") from error

    failure = end_of(*declare(fail)).failure

    assert failure is not None
    assert failure.message == "The task failed with an unexpected error."
    assert len(failure.traceback or "") <= MAX_TRACEBACK
    assert (failure.traceback or "").endswith("RuntimeError: the last one\n")


def test_a_failure_from_elsewhere_is_cut() -> None:
    """Whoever has a run fail: the store keeps no more."""
    fields = to_fields({"failure": Failure(code="A", message=HUGE, traceback=HUGE)})

    assert len(fields["failure"]) < MAX_MESSAGE + MAX_TRACEBACK + 100


def test_a_huge_progress_message_is_cut() -> None:
    """It is told with every change."""

    def work(task: TaskContext) -> None:
        task.progress(1, message=HUGE)
        raise TaskError("no")

    message = end_of(*declare(work)).progress_message

    assert message is not None
    assert len(message) == MAX_MESSAGE


def test_what_fits_is_kept_whole() -> None:
    """A message at its bound is no longer than it may be."""

    def fail() -> None:
        raise TaskError("y" * MAX_MESSAGE)

    assert end_of(*declare(fail)).error == "y" * MAX_MESSAGE


@pytest.mark.parametrize(("text", "fits"), [("x" * 98, True), ("x" * 99, False), ("é" * 49, True), ("é" * 50, False)])
def test_a_result_has_a_size(text: str, fits: bool) -> None:
    """One that is larger, in bytes of JSON, fails the run for good; whoever waits reads what to do."""
    tasks, calls = Tasks("memory://", max_result=100), []

    @tasks.task()
    def work() -> str:
        calls.append(1)
        return text

    with inline(tasks):
        handle = work.enqueue()
        run = handle.refresh()
        if fits:
            assert handle.result() == text
            return
        with pytest.raises(TaskFailedError, match="Keep it elsewhere, and return where it is"):
            handle.result()

    assert (run.status, run.failure and run.failure.code, len(calls)) == (TaskStatus.FAILED, "RESULT_TOO_LARGE", 1)


def test_results_have_a_size_unless_one_says_so() -> None:
    """16 MiB by default."""

    def work() -> list[str]:
        return [HUGE] * 6

    failure = end_of(*declare(work)).failure

    assert failure is not None
    assert failure.code == "RESULT_TOO_LARGE"
    assert "16777216" in failure.message


def test_a_size_that_cannot_be() -> None:
    """Not even ``null`` would fit."""
    with pytest.raises(ConfigurationError, match="max_result"):
        Tasks("memory://", max_result=3)


class _Unread(MemoryStore):
    """Must not be asked."""

    def read(self, run_ids: Sequence[str]) -> list[Snapshot | None]:
        """Fail."""
        raise AssertionError("the store was asked")


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        ("mutation ($text: ID!) { cancelTask(taskId: $text) { id } }", "TASK_NOT_FOUND"),
        ("mutation ($text: ID!) { retryTask(taskId: $text) { id } }", "TASK_NOT_FOUND"),
        ("query ($text: String) { tasks(after: $text) { nodes { id } } }", "BAD_TASK_INPUT"),
        ("query ($text: String) { tasks(name: $text) { nodes { id } } }", "BAD_TASK_INPUT"),
        ("query ($text: String) { tasks(tag: $text) { nodes { id } } }", "BAD_TASK_INPUT"),
    ],
)
def test_what_is_longer_than_any(ask: str, code: str) -> None:
    """A text that can name nothing is looked for nowhere, and not sent back at length."""
    tasks = Tasks("memory://")
    tasks.mutation(name="work")(lambda: None)
    schema = Schema(extensions=[tasks.extension])
    store = _Unread(result_ttl=timedelta(1))
    with tasks.replaced(tasks.runtime_over(store, SyncBackend(tasks.perform))):
        message, refusal = refuse(schema, ask, {"text": HUGE}, Person())

    assert refusal == code
    assert len(message) < 300
