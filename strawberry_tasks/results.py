"""Reads what runs have returned: only where it is wanted, and once for all who want it together."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final
from weakref import WeakValueDictionary

from .errors import TaskUnreadableError
from .snapshot import JSON, Snapshot, load_json
from .status import TaskStatus

KEPT: Final = 4 * 1024 * 1024
"""How many characters of JSON the results have at the most that are kept a while longer than somebody looks at them."""


class Result:
    """What a run has returned. Many may hold it, so that nobody changes anything in it.

    Args:
        text: The JSON text.

    Attributes:
        value: The JSON.
        size: The length of the text.
    """

    __slots__ = ("__weakref__", "_lock", "_views", "size", "value")

    def __init__(self, text: str) -> None:
        self.size = len(text)
        self.value: JSON = load_json(text)
        self._views: dict[Hashable, JSON] = {}
        self._lock = threading.Lock()

    def view(self, of: Hashable, make: Callable[[JSON], JSON]) -> JSON:
        """Return what is made of the value, which is done once.

        Args:
            of: What it is made for.
            make: Makes it; gets the value.
        """
        with self._lock:
            if of not in self._views:
                self._views[of] = make(self.value)
            return self._views[of]


class Results:
    """The results that this process has at hand. What a run has returned never changes, so that none is ever out of date.

    Args:
        read: Reads the result of a run, as JSON text; ``None`` if there is none.
    """

    def __init__(self, read: Callable[[str], str | None]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._reading: dict[tuple[str, int], threading.Lock] = {}
        self._used: WeakValueDictionary[tuple[str, int], Result] = WeakValueDictionary()
        self._kept: OrderedDict[tuple[str, int], Result] = OrderedDict()
        self._size = 0

    def at_hand(self, run: Snapshot) -> Result | None:
        """Return a run's result, if it need not be read."""
        with self._lock:
            return self._used.get(_key(run))

    def get(self, run: Snapshot) -> Result | None:
        """Return a run's result; ``None`` if it is not COMPLETED, or its record has expired meanwhile.

        Raises:
            StoreUnavailableError: If the store does not answer.
            TaskUnreadableError: If what stands there is no JSON.
        """
        if run.status is not TaskStatus.COMPLETED:
            return None
        key = _key(run)
        with self._lock:
            reading = self._reading.setdefault(key, threading.Lock())
        # Whoever comes meanwhile waits for the first one, and reads nothing.
        try:
            with reading:
                result = self.at_hand(run)
                if result is None and (text := self._read(run.id)) is not None:
                    result = _parsed(run, text)
                    self._keep(key, result)
        finally:
            with self._lock:
                self._reading.pop(key, None)
        return result

    def _keep(self, key: tuple[str, int], result: Result) -> None:
        with self._lock:
            self._used[key] = result
            if result.size > KEPT:
                return
            self._kept[key] = result
            self._size += result.size
            while self._size > KEPT:
                self._size -= self._kept.popitem(last=False)[1].size


def _parsed(run: Snapshot, text: str) -> Result:
    try:
        return Result(text)
    except (ValueError, RecursionError) as error:
        raise TaskUnreadableError(run.id, f"result: {error}", legible=run) from error


def _key(run: Snapshot) -> tuple[str, int]:
    return run.id, run.version
