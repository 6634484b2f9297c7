"""Wakes the subscribers of one event loop: a few at a time, and those of each reader in turn."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Final
from weakref import WeakKeyDictionary

AT_ONCE: Final = 20
"""How many subscribers are woken before the event loop comes around to everything else."""


class Turns:
    """Who is to be woken on one event loop.

    What follows a wake-up, as the execution of a subscription's selection, takes the loop for long when thousands are woken at
    once: nothing else comes in between. So they are woken in small groups, one in each round of the loop, and a reader with many
    subscriptions waits for himself, and not others for him.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Hashable, deque[asyncio.Event]] = OrderedDict()
        self._is_due = False

    def add(self, event: asyncio.Event, reader: Hashable, loop: asyncio.AbstractEventLoop) -> None:
        """Set an event of the loop soon; from any thread.

        Args:
            event: The event.
            reader: Who waits for it.
            loop: The loop.

        Raises:
            RuntimeError: If the loop is closed.
        """
        with self._lock:
            self._waiting.setdefault(reader, deque()).append(event)
            is_due, self._is_due = self._is_due, True
        if not is_due or loop.is_closed():
            loop.call_soon_threadsafe(self._wake, loop)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            events: list[asyncio.Event] = []
            while self._waiting and len(events) < AT_ONCE:
                events.append(self._next())
            self._is_due = bool(self._waiting)
            if self._is_due:
                loop.call_soon(self._wake, loop)
        for event in events:
            event.set()

    def _next(self) -> asyncio.Event:
        reader, events = self._waiting.popitem(last=False)
        event = events.popleft()
        if events:
            self._waiting[reader] = events
        return event


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns_of(loop: asyncio.AbstractEventLoop) -> Turns:
    """Return the turns of the running event loop, which all hubs share."""
    return _of_loops.setdefault(loop, Turns())
