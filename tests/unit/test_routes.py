"""Which queue the runs of a task go to."""

from __future__ import annotations

from typing import Any

import pytest

from strawberry_tasks import Tasks
from strawberry_tasks.errors import ConfigurationError

HERE = __name__.rpartition(".")[2]


def make(**options: Any) -> Tasks:
    return Tasks("memory://", backend="sync", **options)


def sales() -> None:
    """Something to declare."""


@pytest.mark.parametrize(
    "pattern",
    ["sales", "s*", "reports.sales", "*.sales", f"{HERE}.*", f"*.{HERE}.sales", f"{HERE}.s?les", "[rs]*", "reports.*"],
)
def test_a_pattern_fits_a_name_or_the_end_of_a_dotted_path(pattern: str) -> None:
    """The task's name, and its function's path from any module on."""
    task = make(routes={"other.*": "x", pattern: "low"}).task(name="reports.sales")(sales)

    assert task.options.queue == "low"


@pytest.mark.parametrize("pattern", ["sale", "ales", "Sales", "reports", f"{HERE[1:]}.*", "x.*"])
def test_a_pattern_fits_whole_names_alone(pattern: str) -> None:
    """A part of a name is not enough; the default queue stays."""
    task = make(routes={pattern: "low"}, queue="usual").task(name="reports.sales")(sales)

    assert task.options.queue == "usual"


def test_the_first_pattern_that_fits_counts() -> None:
    """Their order is that of the dict."""
    task = make(routes={"sal*": "first", "sales": "second"}).task()(sales)

    assert task.options.queue == "first"


def test_what_a_task_and_a_call_say_goes_before() -> None:
    """``queue=`` of the task wins over routes, and ``using(queue=…)`` over both."""
    tasks = make(routes={"*": "low"}, queues=["now"])
    own, routed = tasks.mutation(queue="high", name="own")(sales), tasks.mutation()(sales)

    assert own.options.queue == "high"
    assert routed.enqueue().started.queue == "low"
    assert routed.using(queue="now").enqueue().started.queue == "now"


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        (["reports.*"], "routes: expected a dict of patterns and their queues, got ['reports.*']."),
        ({"": "low"}, "a pattern of routes: expected a name"),
        ({1: "low"}, "a pattern of routes: expected a name"),
        ({"reports.*": "low prio"}, "routes['reports.*']: expected a name of letters"),
        ({"reports.*": None}, "routes['reports.*']: expected a name of letters"),
    ],
)
def test_routes_that_cannot_work_are_refused(routes: Any, told: str) -> None:
    """The message names the pattern."""
    with pytest.raises(ConfigurationError) as caught:
        make(routes=routes)

    assert told in str(caught.value)
