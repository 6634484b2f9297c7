"""Where many are to be told at once, nobody waits for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from strawberry_tasks.hub.slots import LoopSignal
from strawberry_tasks.hub.turns import AT_ONCE


class Reader:
    """A subscriber that notes when it is woken."""

    def __init__(self, woken: list[Hashable], reader: Hashable) -> None:
        self.signal = LoopSignal(reader)
        self._woken = woken
        self._reader = reader

    async def wait(self) -> None:
        """Wait for the signal."""
        await self.signal.wait()
        self._woken.append(self._reader)


async def woken(*readers: Hashable) -> list[Hashable]:
    """Wake a subscriber for each of these at once, and return in what order they come; ``None`` is a round of the loop."""
    order: list[Hashable] = []
    subscribers = [Reader(order, reader) for reader in readers]
    tasks = [asyncio.create_task(subscriber.wait()) for subscriber in subscribers]
    await asyncio.sleep(0)
    for subscriber in subscribers:
        subscriber.signal.set()
    while not all(task.done() for task in tasks):
        order.append(None)
        await asyncio.sleep(0)
    return order


async def test_few_are_woken_at_once() -> None:
    """The event loop comes around to everything else between a few and the next ones."""
    order = await woken(*["ann"] * 1000)

    rounds = " ".join("." if reader is None else "a" for reader in order).split(".")
    assert max(group.count("a") for group in rounds) <= AT_ONCE
    assert order.count("ann") == 1000


async def test_readers_take_turns() -> None:
    """One with a thousand subscriptions does not keep another from hers."""
    order = await woken(*["ann"] * 1000, "bob")

    assert order.index("bob") - order[: order.index("bob")].count(None) < 2


async def test_each_of_many_readers_has_a_turn() -> None:
    """In the order in which they were told, if none has more than one subscription."""
    readers = [str(number) for number in range(100)]

    order = await woken(*readers)

    assert [reader for reader in order if reader is not None] == readers


async def test_a_signal_from_another_thread_is_heard() -> None:
    """Also while others wait for their turn."""
    order: list[Hashable] = []
    subscribers = [Reader(order, "ann") for _ in range(3 * AT_ONCE)]
    tasks = [asyncio.create_task(subscriber.wait()) for subscriber in subscribers]
    await asyncio.sleep(0)

    def set_all() -> None:
        for subscriber in subscribers:
            subscriber.signal.set()

    await asyncio.to_thread(set_all)

    await asyncio.wait_for(asyncio.gather(*tasks), 10)
