"""The messages that this process holds."""

from __future__ import annotations

import threading
from collections import defaultdict

from .delivery import Delivery


class Flight:
    """Knows each delivery by the id of its message, from the fetch until its outcome is written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deliveries: dict[str, Delivery] = {}

    def add(self, delivery: Delivery) -> None:
        """Remember a delivery; an earlier one of the same message is lost with that."""
        with self._lock:
            before = self._deliveries.get(delivery.message_id)
            self._deliveries[delivery.message_id] = delivery
        if before is not None:
            before.lost = True

    def remove(self, delivery: Delivery) -> None:
        """Forget a delivery."""
        with self._lock:
            if self._deliveries.get(delivery.message_id) is delivery:
                del self._deliveries[delivery.message_id]

    def find(self, message_id: str) -> Delivery | None:
        """Return the delivery of a message."""
        return self._deliveries.get(message_id)

    def by_queue(self) -> dict[str, list[Delivery]]:
        """Return all of them."""
        found: dict[str, list[Delivery]] = defaultdict(list)
        with self._lock:
            for delivery in self._deliveries.values():
                found[delivery.queue_name].append(delivery)
        return found
