"""Progress: merged in the worker, written by a thread of its own, and the last one always arrives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from strawberry_tasks import Snapshot, TaskContext, TaskError, Tasks, TaskStatus
from strawberry_tasks.errors import StoreUnavailableError
from strawberry_tasks.progress import ProgressFlusher, ProgressReporter
from strawberry_tasks.stores.base import Change
from strawberry_tasks.testing import inline, recorded


class Written:
    """Stands for a store's `apply`: holds each write until let through, and remembers it."""

    def __init__(self, *, outcomes: Callable[[], int | None | Exception] = lambda: 1) -> None:
        self.batches: list[list[Change]] = []
        self._outcomes = outcomes
        self._gate = threading.Semaphore(0)
        self._arrived = threading.Semaphore(0)

    def __call__(self, changes: Sequence[Change]) -> list[int | None]:
        self._arrived.release()
        assert self._gate.acquire(timeout=10)
        self.batches.append(list(changes))
        outcome = self._outcomes()
        if isinstance(outcome, Exception):
            raise outcome
        return [outcome for _ in changes]

    def await_write(self) -> None:
        """Wait until a write has begun; it stands still."""
        assert self._arrived.acquire(timeout=10)

    def let_through(self, writes: int = 1) -> None:
        """Let writes go on."""
        for _ in range(writes):
            self._gate.release()

    def await_batches(self, count: int) -> None:
        """Wait until so many writes are done."""
        deadline = time.monotonic() + 10
        while len(self.batches) < count:
            assert time.monotonic() < deadline, self.batches
            threading.Event().wait(0.001)

    @property
    def values(self) -> list[dict[str, Any]]:
        """What was written, in order."""
        return [dict(change.values) for batch in self.batches for change in batch]


def open_context(flusher: ProgressFlusher, run_id: str = "r") -> TaskContext:
    """Make the context of a run's first attempt."""
    return TaskContext(Snapshot(id=run_id, name="n", queue="q", attempt=1), flusher.open(run_id, 1))


def quiet_reporter() -> ProgressReporter:
    """Make a reporter that nobody writes for."""
    return ProgressReporter("r", 1, lambda _: None)


def started(apply: Written, run_id: str = "r") -> tuple[ProgressFlusher, TaskContext]:
    """Make a flusher that never pauses, and a context."""
    flusher = ProgressFlusher(apply, interval=timedelta(0))
    return flusher, open_context(flusher, run_id)


def test_calls_during_a_write_are_merged() -> None:
    """What is reported while a write goes on becomes one write, with the latest values."""
    apply = Written()
    flusher, context = started(apply)

    context.progress(1, 10, "one")
    apply.await_write()
    for done in (2, 3, 4):
        context.progress(done)
    apply.let_through(2)
    apply.await_batches(2)
    flusher.close()

    assert [value["progress_current"] for value in apply.values] == [1, 4]


def test_last_one_is_written_when_the_function_goes_quiet() -> None:
    """The last report is written without another one behind it."""
    apply = Written()
    flusher, context = started(apply)

    context.progress(1, 2)
    apply.await_write()
    context.progress(2, 2, "done")
    apply.let_through(2)
    apply.await_batches(2)
    flusher.close()

    assert apply.values[-1] == {
        "progress": 100.0,
        "progress_current": 2.0,
        "progress_total": 2.0,
        "progress_message": "done",
    }


def test_runs_share_a_write() -> None:
    """The reports of several runs go out in one round trip."""
    apply = Written()
    flusher, first = started(apply)
    others = [open_context(flusher, name) for name in "abc"]

    first.progress(1)
    apply.await_write()
    for context in others:
        context.progress(1)
    apply.let_through(2)
    apply.await_batches(2)
    flusher.close()

    assert [change.run_id for change in apply.batches[1]] == ["a", "b", "c"]


def test_percent_never_falls() -> None:
    """A larger total later leaves the percentage where it was."""
    reporter = quiet_reporter()
    percents = []

    for current, total in [(1, 2), (1, 4), (3, 4), (0, 4), (9, 4)]:
        reporter.report(current, total, None)
        percents.append(reporter.values()["progress"])

    assert percents == [50.0, 50.0, 75.0, 75.0, 100.0]


def test_total_and_message_stay() -> None:
    """A call without a total or a message leaves those of the call before."""
    reporter = quiet_reporter()

    reporter.report(1, 4, "fetching")
    reporter.report(2, None, None)

    assert reporter.values() == {
        "progress": 50.0,
        "progress_current": 2.0,
        "progress_total": 4.0,
        "progress_message": "fetching",
    }


@pytest.mark.parametrize("total", [None, 0])
def test_without_a_total(total: int | None) -> None:
    """Without a total there are units, but no percentage."""
    reporter = quiet_reporter()

    reporter.report(3, total, None)

    assert reporter.values()["progress"] == 0.0
    assert reporter.values()["progress_current"] == 3.0


@pytest.mark.parametrize(
    "value", [-1, float("nan"), float("inf"), "5", [], 1j, Decimal("NaN"), 10**400], ids=lambda value: repr(value)[:20]
)
@pytest.mark.parametrize("place", ["current", "total"])
def test_refused_values(value: Any, place: str) -> None:
    """What is no number of units is refused at the call, and the error shows it."""
    context = TaskContext(Snapshot(id="r", name="n", queue="q"), quiet_reporter())

    with pytest.raises(ValueError, match=r"progress\(\): expected current and total to be finite") as caught:
        context.progress(**{"current": 1, place: value})

    assert f"{place}={value!r}" in str(caught.value)


@pytest.mark.parametrize(
    ("current", "total"), [(Decimal("1.5"), 3), (Fraction(1, 2), Fraction(1)), (True, 2), (1, 2.0)]
)
def test_numbers_of_all_kinds(current: Any, total: Any) -> None:
    """Every kind of real number counts, alone or mixed."""
    reporter = quiet_reporter()
    context = TaskContext(Snapshot(id="r", name="n", queue="q"), reporter)

    context.progress(current, total)

    assert reporter.values()["progress"] == 50.0


@pytest.mark.parametrize("odd", [5, ValueError("x")])
def test_message_of_another_type(odd: Any) -> None:
    """A message that is no text is shown as text."""
    reporter = quiet_reporter()

    reporter.report(1, None, odd)

    assert reporter.values()["progress_message"] == str(odd)


def test_store_is_away() -> None:
    """Reports are kept while the store is away, once each, and written when it is back."""
    outcomes = iter([StoreUnavailableError("away"), StoreUnavailableError("away"), 1, 1])
    apply = Written(outcomes=lambda: next(outcomes))
    flusher, context = started(apply)

    for done in (1, 2, 3):
        context.progress(done, 4)
        apply.await_write()
        context.progress(done + 0.5)
        apply.let_through()
        apply.await_batches(done)
    apply.let_through()
    apply.await_batches(4)
    flusher.close()

    assert [len(batch) for batch in apply.batches] == [1, 1, 1, 1]
    assert apply.values[-1]["progress_current"] == 3.5


def test_superseded_attempt_is_written_no_more() -> None:
    """Once the store has refused an attempt, its reports cost no more calls."""
    outcomes = iter([None, 1])
    apply = Written(outcomes=lambda: next(outcomes))
    flusher, old = started(apply, "old")
    new = open_context(flusher, "new")

    old.progress(1)
    apply.await_write()
    old.progress(2)
    new.progress(1)
    apply.let_through(2)
    apply.await_batches(2)
    flusher.close()

    assert [change.run_id for change in apply.batches[1]] == ["new"]


def test_odd_error_of_a_write() -> None:
    """A write that fails for another reason does not end the thread: the next report is written."""
    outcomes = iter([ValueError("odd"), 1])
    apply = Written(outcomes=lambda: next(outcomes))
    flusher, context = started(apply)

    context.progress(1)
    apply.await_write()
    thread = flusher._thread
    apply.let_through()
    apply.await_batches(1)
    context.progress(2)
    apply.let_through()
    apply.await_batches(2)

    assert flusher._thread is thread
    flusher.close()


@pytest.mark.parametrize("fails", [False, True])
def test_outcome_carries_the_last_progress(fails: bool) -> None:
    """The run ends with the last report, though no write of it ever came through before."""
    tasks = Tasks("memory://", max_retries=0, progress_interval=timedelta(days=1))

    @tasks.task()
    def work(task: TaskContext) -> None:
        for done in range(4):
            task.progress(done, 4, f"row {done}")
        if fails:
            raise TaskError("no")

    with inline(tasks):
        run = work.enqueue().refresh()

    assert (run.progress_current, run.progress_total, run.progress_message) == (3, 4, "row 3")
    assert run.progress == (75.0 if fails else 100.0)


def test_next_attempt_starts_anew() -> None:
    """Progress is one attempt's: the next one starts from 0."""
    tasks = Tasks("memory://", max_retries=1)
    seen = []

    @tasks.task()
    def work(task: TaskContext) -> None:
        seen.append(tasks.handle(task.id).refresh())
        if task.attempt == 1:
            task.update_progress(90, "nearly")
            raise RuntimeError

    with recorded(tasks) as recorder:
        work.enqueue()
        end = recorder.perform(recorder.runs[0])

    assert (seen[1].progress, seen[1].progress_message) == (0.0, None)
    assert (end.status, end.progress, end.progress_message) == (TaskStatus.COMPLETED, 100.0, None)
