"""The order in which what a process has fetched is begun."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from itertools import count
from typing import Any

from dramatiq.broker import MessageProxy

from ..worker_end import WorkQueue


class Turns(WorkQueue):
    """Stands where a worker of Dramatiq's has its queue of work: the queues take turns, and in each the most urgent is first.

    A process fetches more than it has threads for. In the order of their arrival, one message of a queue would wait for all that
    were fetched from a busier one.

    Args:
        weights: How many messages of a queue begin for one of another; 1 if it is not in here.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._waiting: dict[str, list[tuple[int, int, int, Any]]] = {}
        self._turns: dict[str, float] = {}
        self._turn = 0.0
        self._numbers = count()
        super().__init__()

    def _put(self, item: Any) -> None:
        message, number = message_of(item), next(self._numbers)
        name = message.queue_name
        # Dramatiq's priority is one of actors, the lower the sooner.
        priority = item[0] if isinstance(item, tuple) else item.priority
        urgency = int(message.options.get("broker_priority", 0))
        heappush(self._waiting.setdefault(name, []), (priority, -urgency, number, item))
        # A queue that had nothing for a while is next, and makes up for no more than that.
        turn = max(self._turns.get(name, 0.0), self._turn)
        self._turns[name] = turn + 1 / self._weights.get(name, 1)
        heappush(self.queue, (turn, number, name))

    def _get(self) -> Any:
        self._turn, _, name = heappop(self.queue)
        return heappop(self._waiting[name])[-1]


def message_of(item: Any) -> MessageProxy:
    """Return the message in what a worker's queue holds: a pair before Dramatiq 2.2."""
    message: MessageProxy = item[1] if isinstance(item, tuple) else item.message
    return message
