"""What waits for a subscriber: bounded, the latest wins, ends are kept."""

from __future__ import annotations

import pytest

from strawberry_tasks.errors import StoreUnavailableError, TaskNotFoundError
from strawberry_tasks.hub.slots import MAX_WAITING, ManySlot, RunSlot
from strawberry_tasks.snapshot import Snapshot
from strawberry_tasks.status import TaskStatus


class CountingSignal:
    """A signal that counts how often it was set."""

    is_lost = False

    def __init__(self) -> None:
        self.times_set = 0
        self.is_set = False

    def set(self) -> None:
        self.times_set += 1
        self.is_set = True

    def clear(self) -> None:
        self.is_set = False


def state(version: int, status: TaskStatus = TaskStatus.RUNNING, run_id: str = "run") -> Snapshot:
    return Snapshot(id=run_id, name="sync", queue="q", status=status, version=version)


def take_all(slot: ManySlot, signal: CountingSignal) -> list[Snapshot]:
    taken = []
    while signal.is_set:
        run = slot.take()
        if run is not None:
            taken.append(run)
    return taken


def test_a_subscriber_is_woken_once_until_it_comes() -> None:
    """However much happens meanwhile, one wake-up is on its way at a time."""
    signal = CountingSignal()
    slot = RunSlot("run", signal)

    for version in (1, 2, 3):
        slot.offer("run", state(version))

    assert signal.times_set == 1
    assert slot.take() == state(3)
    slot.offer("run", state(4))
    assert signal.times_set == 2


def test_an_old_state_wakes_nobody() -> None:
    """What is known, or older, is no news."""
    signal = CountingSignal()
    slot = RunSlot("run", signal, after=2)

    slot.offer("run", state(2))
    slot.offer("run", state(1))

    assert signal.times_set == 0


def test_the_end_takes_the_place_of_what_waits_and_stays() -> None:
    """Once the end waits, nothing replaces it, not even that the record is gone."""
    slot = RunSlot("run", CountingSignal())
    slot.offer("run", state(1))
    slot.offer("run", state(2, TaskStatus.COMPLETED))
    slot.offer("run", state(3))
    slot.offer("run", None)

    taken = slot.take()

    assert taken == state(2, TaskStatus.COMPLETED)
    assert slot.is_exhausted


def test_an_end_of_a_lower_version_counts() -> None:
    """A server restored from an older copy counts anew; the end comes all the same."""
    slot = RunSlot("run", CountingSignal())
    slot.offer("run", state(9))
    slot.take()

    slot.offer("run", state(5, TaskStatus.FAILED))

    assert slot.take() == state(5, TaskStatus.FAILED)


def test_what_waits_comes_before_the_error() -> None:
    """A slot that fails still hands out its last state, and then raises, again and again."""
    slot = RunSlot("run", CountingSignal())
    slot.offer("run", state(1))
    slot.offer("run", None)

    assert slot.take() == state(1)
    for _ in range(2):
        with pytest.raises(TaskNotFoundError):
            slot.take()
    assert not slot.is_exhausted


def test_of_each_run_the_latest_waits() -> None:
    """A slot of many holds one state a run."""
    signal = CountingSignal()
    slot = ManySlot(None, signal)

    for version in (1, 2, 3):
        slot.offer("a", state(version, run_id="a"))
        slot.offer("b", state(version, run_id="b"))

    assert signal.times_set == 1
    assert take_all(slot, signal) == [state(3, run_id="a"), state(3, run_id="b")]


def test_ends_are_dropped_last() -> None:
    """When more runs wait than fit, those that go on make room; the oldest ends only when nothing else is left."""
    signal = CountingSignal()
    slot = ManySlot(None, signal)
    ends = [state(9, TaskStatus.FAILED, f"end-{number}") for number in range(MAX_WAITING + 2)]

    slot.offer("live", state(1, run_id="live"))
    for end in ends:
        slot.offer(end.id, end)
        slot.offer("late", state(1, run_id="late"))

    assert take_all(slot, signal) == ends[2:]


def test_a_slot_of_many_fails_after_what_waits() -> None:
    """Closing the hub loses no state that was there."""
    slot = ManySlot("ann", CountingSignal())
    slot.offer("run", state(1))
    slot.fail(StoreUnavailableError("closed"))

    assert slot.take() == state(1)
    with pytest.raises(StoreUnavailableError):
        slot.take()
