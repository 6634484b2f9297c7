"""The operations on a queue, each the call of one script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any, Final, NamedTuple

from dramatiq.message import Message

from ...stores.redis_script import Call, load_script
from .delivery import Again, Dead, Delivery, Done, Outcome

BATCH: Final = 500
"""How many messages are enqueued in one transaction: it holds up the server for some 20 ms."""

_PROMOTED: Final = 200
"""How many messages one fetch promotes or takes back at the most, for the same reason."""

_FETCHED: Final = 3000
"""How many messages one fetch leases at the most; Lua cannot pass many more words at once."""

(
    _ENQUEUE,
    _FETCH,
    _RENEW,
    _ACK,
    _BURY,
    _RESCHEDULE,
    _GIVE_BACK,
    _BEGIN,
    _LETTERS,
    _REVIVE,
    _PURGE,
    _FLUSH,
    _DEPTH,
    _HURRY,
) = (
    load_script(str(__package__), "shared", name)
    for name in (
        "enqueue",
        "fetch",
        "renew",
        "ack",
        "bury",
        "reschedule",
        "give_back",
        "begin",
        "letters",
        "revive",
        "purge",
        "flush",
        "depth",
        "hurry",
    )
)


class Enqueuing(NamedTuple):
    """A message, and the call that enqueues it."""

    message: Message[Any]
    """The message."""

    delay: int | None
    """Milliseconds until it may be delivered."""

    call: Call
    """`RedisTransport.enqueuing`, maybe joined with another."""


class QueueCalls:
    """Makes the calls for the queues of a namespace.

    Args:
        namespace: The prefix of every key.
        lease: How long a worker holds a message without a renewal.
        max_deliveries: How many leases of a message may lapse before it is given up.
        dead_ttl: How long dead letters are kept.
    """

    def __init__(self, namespace: str, *, lease: timedelta, max_deliveries: int, dead_ttl: timedelta) -> None:
        self._prefix = f"{namespace}:queue:"
        self._lease = lease // timedelta(milliseconds=1)
        self._max_deliveries = max_deliveries
        self._dead = dead_ttl // timedelta(milliseconds=1)

    def key(self, queue: str, part: str) -> str:
        """Name one of a queue's keys."""
        return f"{self._prefix}{queue}:{part}"

    def enqueue(self, queue: str, message_id: str, message: bytes, *, priority: int, delay: int | None) -> Call:
        """Add a message, unless it is known. The delay is in milliseconds."""
        return _ENQUEUE.call(self._keys(queue), message_id, message, priority, "" if delay is None else delay)

    def fetch(self, queue: str, limit: int) -> Call:
        """Lease messages."""
        return _FETCH.call(
            self._keys(queue), min(limit, _FETCHED), self._lease, self._max_deliveries, self._dead, _PROMOTED
        )

    def renew(self, queue: str, deliveries: Iterable[Delivery]) -> Call:
        """Renew leases; answers 1 or 0 for each."""
        return _RENEW.call(self._keys(queue), self._lease, *_tokens(deliveries))

    def settle(self, delivery: Delivery, outcome: Outcome) -> Call:
        """Write what becomes of a message."""
        keys = self._keys(delivery.queue_name)
        match outcome:
            case Done():
                return _ACK.call(keys, delivery.message_id, delivery.token)
            case Dead(reason, message):
                return self.bury(delivery.queue_name, delivery.message_id, delivery.token, message, reason)
            case Again(_, message):
                return _RESCHEDULE.call(keys, delivery.message_id, delivery.token, message, outcome.delay)

    def bury(self, queue: str, message_id: str | bytes, token: bytes, message: bytes, reason: str) -> Call:
        """Move a message to the dead letters."""
        return _BURY.call(self._keys(queue), message_id, token, message, reason, self._dead, self._lease)

    def give_back(self, queue: str, deliveries: Iterable[Delivery]) -> Call:
        """Release what was not performed."""
        return _GIVE_BACK.call(self._keys(queue), *_tokens(deliveries))

    def begin(self, delivery: Delivery) -> Call:
        """Note that a suspect message is begun."""
        return _BEGIN.call(self._keys(delivery.queue_name), delivery.message_id, delivery.token)

    def letters(self, queue: str, first: int) -> Call:
        """Read dead letters."""
        return _LETTERS.call(self._keys(queue), first, self._dead)

    def revive(self, queue: str, message_id: str, message: bytes, *, priority: int) -> Call:
        """Move a dead letter back."""
        return _REVIVE.call(self._keys(queue), message_id, message, priority)

    def hurry(self, queue: str, message_id: str) -> Call:
        """Return the call that makes a message ready that was put off."""
        return _HURRY.call(self._keys(queue), message_id)

    def purge(self, queue: str, message_ids: Sequence[str]) -> Call:
        """Delete dead letters, all if no id is given."""
        return _PURGE.call(self._keys(queue), *message_ids)

    def flush(self, queue: str) -> Call:
        """Forget all messages that are not dead."""
        return _FLUSH.call(self._keys(queue))

    def depth(self, queue: str) -> Call:
        """Count messages."""
        return _DEPTH.call(self._keys(queue), self._dead)

    def _keys(self, queue: str) -> tuple[str]:
        return (self._prefix + queue,)


def _tokens(deliveries: Iterable[Delivery]) -> Iterable[str | bytes]:
    return chain.from_iterable((delivery.message_id, delivery.token) for delivery in deliveries)
