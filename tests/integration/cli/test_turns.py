"""Urgent work beside ten thousand bulk tasks, with one worker for both."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from tests.integration.cli.conftest import MakeWorker
from tests.processes import wait_until

BULK = 10_000
ROUNDS = 5
LENGTH = 0.3
"""Seconds that a bulk task takes."""

SLACK = 0.05
"""Seconds that an urgent task may take to start beside that."""


def waits(app: ModuleType, directory: Path, *, prepare: Callable[[], object] = lambda: None) -> list[float]:
    """Start urgent tasks one after the other, and return how many seconds each has waited."""
    found = []
    for number in range(ROUNDS):
        prepare()
        notes = directory / f"notes-{number}"
        begun = time.time()
        app.note.enqueue(path=str(notes))
        wait_until(notes.exists, "the urgent task has started")
        wait_until(notes.read_text, "it has told when")
        found.append(float(notes.read_text()) - begun)
    return sorted(found)


def test_urgent_work_waits_for_one_bulk_task_at_the_most(
    app: ModuleType, make_worker: MakeWorker, tmp_path: Path
) -> None:
    """With 10,000 bulk tasks waiting, the next thread that is free takes it: within the length of one task."""
    app.work.enqueue_many([{"seconds": LENGTH}] * BULK)
    with make_worker("--queue", "urgent", "--queue", "bulk", "--threads", "2"):
        wait_until(lambda: app.tasks.broker.depth("bulk").in_flight >= 2, "the worker is busy")

        found = waits(app, tmp_path)

        assert found[ROUNDS // 2] < LENGTH + SLACK, found
        assert found[-1] < 2 * LENGTH, found
        assert app.tasks.broker.depth("bulk").ready > BULK / 2


def test_urgent_work_starts_at_once_while_a_thread_is_free(
    app: ModuleType, make_worker: MakeWorker, tmp_path: Path
) -> None:
    """Within 50 ms, though another thread is at work."""
    with make_worker("--queue", "urgent", "--queue", "bulk", "--threads", "2"):
        app.work.enqueue(seconds=30)
        wait_until(lambda: app.tasks.broker.depth("bulk").in_flight == 1, "one thread is busy")

        found = waits(app, tmp_path)

        assert found[ROUNDS // 2] < SLACK, found
