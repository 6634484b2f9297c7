"""`Tasks`: names of tasks, looking up runs, and what belongs to one process."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest

from strawberry_tasks import Tasks, TaskStatus
from strawberry_tasks.errors import ConfigurationError, TaskDeclarationError, TaskNotFoundError
from strawberry_tasks.testing import inline, recorded


@pytest.mark.parametrize(
    ("name", "expected"),
    [("work", "work"), ("sync_inventory", "syncInventory"), ("_do_it_", "doIt"), ("camelCase", "camelCase")],
)
def test_default_name(name: str, expected: str) -> None:
    """A task is called like its function, in camelCase."""

    def function() -> None: ...

    function.__name__ = name

    assert Tasks("memory://").task()(function).name == expected


def test_name_is_taken() -> None:
    """Two tasks of one name are refused, and the message names the first one's function."""
    tasks = Tasks("memory://")

    @tasks.task()
    def sync_inventory() -> None: ...

    with pytest.raises(
        TaskDeclarationError, match=r"^task 'syncInventory': .*test_name_is_taken.<locals>.sync_inventory"
    ):
        tasks.mutation(name="syncInventory")(lambda: None)

    assert tasks.find("syncInventory") is sync_inventory


@pytest.mark.parametrize("thing", [5, object(), functools.partial(print), Tasks])
def test_no_function(thing: Any) -> None:
    """What is no function makes no task."""
    with pytest.raises(TaskDeclarationError, match=r"^expected a function to make a task of, got "):
        Tasks("memory://").task()(thing)


def test_refused_task_is_not_declared() -> None:
    """A task that was refused leaves its name free."""
    tasks = Tasks("memory://")
    with pytest.raises(TaskDeclarationError):

        @tasks.task(name="work")
        def bad(argument: object) -> None: ...

    tasks.task(name="work")(lambda: None)

    with pytest.raises(KeyError):
        tasks.find("bad")


def test_handle_of_a_run() -> None:
    """`handle` finds a run that was started elsewhere, and its result is of the declared type."""
    tasks = Tasks("memory://")

    @tasks.task()
    def work(number: int) -> int:
        return number

    with inline(tasks):
        run_id = work.enqueue(4).id
        handle = tasks.handle(run_id)

        assert handle.result() == 4
        assert handle.refresh().status is TaskStatus.COMPLETED


def test_handle_of_no_run() -> None:
    """An unknown id has no handle."""
    tasks = Tasks("memory://")

    with recorded(tasks), pytest.raises(TaskNotFoundError):
        tasks.handle("nothing")


async def test_handle_in_async_code() -> None:
    """`ahandle` does the same without blocking the event loop."""
    tasks = Tasks("memory://")

    @tasks.task()
    def work() -> None: ...

    with recorded(tasks):
        run_id = work.enqueue().id

        assert (await tasks.ahandle(run_id)).id == run_id
        with pytest.raises(TaskNotFoundError):
            await tasks.ahandle("nothing")


def test_handle_of_an_unknown_task() -> None:
    """The result of a task that is declared elsewhere alone is its JSON."""
    here, there = Tasks("memory://"), Tasks("memory://")

    @there.task()
    def work() -> list[int]:
        return [1]

    with inline(there), here.replaced(there.runtime()):
        run_id = work.enqueue().id

        assert here.handle(run_id).result() == [1]


def test_broker_of_others() -> None:
    """Tasks that run without a broker have none to offer."""
    with pytest.raises(ConfigurationError, match=re.escape('backend: expected "dramatiq"')):
        _ = Tasks("memory://").broker


def test_used_again_after_close() -> None:
    """A closed `Tasks` starts anew at its next use, and closing twice is harmless."""
    tasks = Tasks("memory://")

    @tasks.task()
    def work() -> int:
        return 1

    assert work.enqueue().result() == 1
    tasks.close()
    tasks.close()

    assert work.enqueue().result() == 1
    tasks.close()


def test_closing_unused() -> None:
    """Closing what was never used does nothing."""
    Tasks("redis://127.0.0.1:1").close()
