"""Whatever a function raises ends its attempt, and whatever it leaves behind ends with it, on every backend."""

from __future__ import annotations

import pytest

from strawberry_tasks import TaskStatus
from tests.apps.escapes import WAYS
from tests.apps.scenarios import Scenarios
from tests.patience import SECONDS
from tests.processes import wait_until


@pytest.mark.parametrize("name", ["escape", "escape_async"])
def test_whatever_a_function_raises_ends_its_attempt(scenarios: Scenarios, name: str) -> None:
    """It is tried again, and then the run has failed, with the name and the traceback of what was raised."""
    handles = {way: getattr(scenarios, name).enqueue(way=way) for way in WAYS}

    for way, handle in handles.items():
        wait_until(lambda handle=handle: handle.refresh().is_terminal, f"{way} ends", SECONDS)
    ends = {way: handle.refresh() for way, handle in handles.items()}
    assert {way: (end.status, end.attempt) for way, end in ends.items()} == dict.fromkeys(WAYS, (TaskStatus.FAILED, 2))
    failures = {way: end.failure for way, end in ends.items() if end.failure is not None}
    assert {way: (failure.code, failure.exception) for way, failure in failures.items()} == {
        way: ("TASK_ERROR", way) for way in WAYS
    }
    assert [way for way, failure in failures.items() if "in escape" not in (failure.traceback or "")] == []


@pytest.mark.parametrize("others", ["trace", "trace_async"])
def test_runs_do_not_touch_each_other(scenarios: Scenarios, others: str) -> None:
    """Each begins in the context that the worker had, and what it sets there is gone with it."""
    handles = [getattr(scenarios, name).enqueue() for name in ("trace", others) * 15]

    for handle in handles:
        wait_until(lambda handle=handle: handle.refresh().is_terminal, "it ends", SECONDS)
    assert {handle.result() for handle in handles} == {"clean 28"}
