"""How an attempt is told to stop, and what its function meets."""

from __future__ import annotations

import asyncio

import pytest

from strawberry_tasks.errors import TaskCanceled
from strawberry_tasks.stop import AttemptGivenBack, AttemptLost, StopSignal, await_unless_stopped

pytestmark = pytest.mark.timeout(20)


def test_nothing_is_raised_before() -> None:
    """Who was not told to stop goes on."""
    stop = StopSignal()

    stop.check()

    assert (stop.reason, stop.is_noticed) == (None, False)


def test_it_is_raised_each_time() -> None:
    """A function that swallows it once meets it again."""
    stop = StopSignal()
    stop.send(TaskCanceled)

    for _ in range(2):
        with pytest.raises(TaskCanceled):
            stop.check()

    assert stop.is_noticed


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        (TaskCanceled, AttemptGivenBack, TaskCanceled),
        (AttemptGivenBack, TaskCanceled, AttemptGivenBack),
        (TaskCanceled, AttemptLost, AttemptLost),
        (AttemptLost, TaskCanceled, AttemptLost),
    ],
)
def test_told_twice(first: type[TaskCanceled], second: type[TaskCanceled], counts: type[TaskCanceled]) -> None:
    """The first reason counts, unless the attempt was lost since: nothing that it writes matters then."""
    stop, heard = StopSignal(), list[type[TaskCanceled]]()

    with stop.heard_by(heard.append):
        stop.send(first)
        stop.send(second)

    assert stop.reason is counts
    assert heard == [first]


def test_who_listens_late_hears_it_too() -> None:
    """What was told before the block is heard at its beginning, and what comes after it is not."""
    told, untold = StopSignal(), StopSignal()
    told.send(TaskCanceled)
    heard: list[type[TaskCanceled]] = []

    with told.heard_by(heard.append), untold.heard_by(heard.append):
        pass
    untold.send(AttemptLost)

    assert heard == [TaskCanceled]


async def test_a_result_is_returned() -> None:
    """What is not stopped comes to its result."""
    assert await await_unless_stopped(StopSignal(), asyncio.sleep(0, "result")) == "result"


@pytest.mark.parametrize("reason", [TaskCanceled, AttemptLost, AttemptGivenBack])
async def test_what_waits_is_stopped(reason: type[TaskCanceled]) -> None:
    """Whatever it waits for, it meets the reason, and the asyncio task is not canceled for good."""
    stop = StopSignal()
    asyncio.get_running_loop().call_soon(stop.send, reason)

    with pytest.raises(reason):
        await await_unless_stopped(stop, asyncio.Event().wait())

    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert stop.is_noticed


async def test_who_finishes_all_the_same_has_a_result() -> None:
    """A function that catches the cancellation and returns has returned."""
    stop = StopSignal()

    async def finish() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "finished"
        return "never"

    asyncio.get_running_loop().call_soon(stop.send, TaskCanceled)

    assert await await_unless_stopped(stop, finish()) == "finished"


async def test_a_cancellation_of_its_own_passes() -> None:
    """What cancels the asyncio task from elsewhere is not taken for a request to stop."""
    stop = StopSignal()
    task = asyncio.create_task(await_unless_stopped(stop, asyncio.Event().wait()))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert not stop.is_noticed
