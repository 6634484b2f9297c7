"""How the queues of one worker take turns."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from strawberry_tasks.backends.redis_transport.turns import Turns


class Item:
    """What Dramatiq puts into its work queue."""

    def __init__(self, queue: str, number: int = 0) -> None:
        self.message: Any = SimpleNamespace(queue_name=queue, options={})
        self.priority = number


def take(turns: Turns, count: int) -> list[str]:
    return [turns.get_nowait().message.queue_name for _ in range(count)]


def fill(turns: Turns, queue: str, count: int) -> None:
    for number in range(count):
        turns.put(Item(queue, number))


def test_within_a_queue_dramatiqs_order_holds() -> None:
    """The lowest item comes first."""
    turns = Turns({})
    for number in (2, 0, 1):
        turns.put(Item("bulk", number))

    assert [turns.get_nowait().priority for _ in range(3)] == [0, 1, 2]
    assert turns.empty()


def test_what_comes_into_an_empty_queue_is_next() -> None:
    """However much waits in another one, and however heavy that is."""
    turns = Turns({"bulk": 1000})
    fill(turns, "bulk", 100)
    take(turns, 50)

    turns.put(Item("urgent"))

    assert take(turns, 1) == ["urgent"]


def test_turns_are_in_proportion_to_the_weights() -> None:
    """While both queues have something to do, one of weight 3 gets three of four turns."""
    turns = Turns({"urgent": 3})
    fill(turns, "urgent", 100)
    fill(turns, "bulk", 100)

    assert Counter(take(turns, 40)) == {"urgent": 30, "bulk": 10}


def test_an_idle_queue_saves_up_no_turns() -> None:
    """One that was empty for long does not shut out the other when it comes back."""
    turns = Turns({})
    fill(turns, "bulk", 100)
    take(turns, 50)

    fill(turns, "urgent", 50)

    assert Counter(take(turns, 20)) == {"urgent": 10, "bulk": 10}


def test_what_no_queue_holds_back_goes_on() -> None:
    """A queue alone gets all turns, whatever its weight."""
    turns = Turns({"urgent": 3})
    fill(turns, "bulk", 5)

    assert take(turns, 5) == ["bulk"] * 5
    assert turns.qsize() == 0
