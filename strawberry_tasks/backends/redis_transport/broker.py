"""Dramatiq's broker over our own scripts: leases, delays without a cap, priorities, and no message lost or repeated by a blip."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

import redis
from dramatiq.broker import Consumer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed
from dramatiq.message import Message
from dramatiq.middleware import Middleware, MiddlewareError, default_middleware

from ...stores.redis_connections import Server
from ...stores.redis_link import CONNECTION_OPTIONS, redis_url
from ...stores.redis_script import Call
from .boundary import WorkerBoundary
from .calls import BATCH, Enqueuing, QueueCalls
from .consumer import RedisConsumer
from .dead_letters import DeadLetters
from .delivery import Again, Dead, Delivery, Outcome
from .durability import losses_of
from .flight import Flight
from .inbox import Inbox
from .keeper import Keeper
from .letters import DeadLetter, DeadReason, QueueDepth, dead_letter, decoded, rows
from .link import Link, Sleeper
from .listeners import Listeners
from .priority import priority_of


class RedisTransport(RedisBroker):
    """A `RedisBroker` with other insides. Worker, command line, actors, middleware and message format stay Dramatiq's.

    Args:
        url: A Redis URL; it connects at first use.
        namespace: The prefix of every key.
        middleware: As in any broker; by default Dramatiq's.
        lease: How long a message is a worker's without a word from it. A dead worker's are delivered again after that.
        max_deliveries: How many workers may die of a message before it goes to the dead letters.
        dead_ttl: How long dead letters are kept.

    Attributes:
        dead: The messages that were given up.
        on_leave: Called when the worker ends, before what is still in flight is given back.
        weights: How many messages of a queue a worker begins for one of another, if there are both; 1 unless it is in here.
        stopping: Whether the worker of this process comes to its end, and takes no more messages.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "dramatiq",
        middleware: Sequence[Middleware] | None = None,
        lease: timedelta = timedelta(seconds=30),
        max_deliveries: int = 5,
        dead_ttl: timedelta = timedelta(days=7),
    ) -> None:
        inner = [make() for make in default_middleware] if middleware is None else list(middleware)
        # A renewal that first had to connect, over a slow network, could come too late.
        self._link, self._renewals = (Link(url, namespace=namespace) for _ in range(2))
        self._listeners = Listeners()
        super().__init__(  # type: ignore[no-untyped-call]
            client=redis.Redis.from_url(redis_url(url), **{**CONNECTION_OPTIONS, "decode_responses": False}),
            namespace=namespace,
            middleware=[WorkerBoundary(self), *inner],
            dead_message_ttl=dead_ttl // timedelta(milliseconds=1),
        )
        self.on_leave: Callable[[], None] | None = None
        self.weights: dict[str, float] = {}
        self.stopping = False
        self._calls = QueueCalls(namespace, lease=lease, max_deliveries=max_deliveries, dead_ttl=dead_ttl)
        self.dead = DeadLetters(self._link, self._calls, self._priority)
        self._flight = Flight()
        self._inboxes: dict[str, Inbox] = {}
        # A process that holds nothing is heard of by its fetches, and must not seem to have been cut off in between.
        self._longest_sleep = lease.total_seconds() / 3
        self._keeper = Keeper(self._renew, interval=lease.total_seconds() / 3)

    @property
    def server(self) -> Server:
        """The server and the database."""
        return self._link.server

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Call the middleware that listens; Dramatiq's own would also call each that does not, six times a message."""
        for hook in self._listeners.of(self.middleware, f"before_{signal}"):
            try:
                hook(self, *args, **kwargs)
            except MiddlewareError:
                raise
            except Exception:
                self.logger.critical("Unexpected failure in %s.", hook, exc_info=True)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        """Call the middleware that listens, the last one first."""
        for hook in reversed(self._listeners.of(self.middleware, f"after_{signal}")):
            try:
                hook(self, *args, **kwargs)
            except Exception:
                self.logger.critical("Unexpected failure in %s.", hook, exc_info=True)

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue; delays need none of their own."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Make a consumer of a queue."""
        return RedisConsumer(self, queue_name, prefetch=prefetch, timeout=timeout)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a message; one that is known already is not added again.

        A message that this process has just performed waits again, as `Retries` wants it; while Redis is away, its
        acknowledgement does that later.

        Args:
            message: The message.
            delay: Milliseconds until it may be delivered; any number.

        Raises:
            ConnectionClosed: If Redis does not answer. It may have been enqueued; to do it again does no harm.
        """
        if isinstance(message, Delivery):
            return self._retry(message, delay)
        message = _without_eta(message)
        self.emit_before("enqueue", message, delay)
        self._link.call(self.enqueuing(message, delay=delay))
        self.emit_after("enqueue", message, delay)
        return message

    def enqueue_many(self, messages: Sequence[Message[Any]], *, delay: int | None = None) -> None:
        """Enqueue messages; up to `BATCH` of them in one round trip, all or none.

        Raises:
            ConnectionClosed: If Redis does not answer.
        """
        messages = [_without_eta(message) for message in messages]
        list(self.enqueue_by(Enqueuing(message, delay, self.enqueuing(message, delay=delay)) for message in messages))

    def enqueuing(self, message: Message[Any], *, delay: int | None) -> Call:
        """Return the call that enqueues a message; it may be joined with another."""
        return self._calls.enqueue(
            message.queue_name, message.message_id, message.encode(), priority=self._priority(message), delay=delay
        )

    def enqueue_by(self, enqueuings: Iterable[Enqueuing]) -> Iterator[Any]:
        """Make the calls that enqueue messages, in batches, with what the middleware does around that.

        Yields:
            The answer of each call, while Redis works on those that follow.

        Raises:
            ConnectionClosed: If Redis does not answer.
        """
        made: list[Enqueuing] = []

        def batches() -> Iterator[list[Call]]:
            source = iter(enqueuings)
            while batch := list(islice(source, BATCH)):
                for message, delay, _ in batch:
                    self.emit_before("enqueue", message, delay)
                made.extend(batch)
                yield [call for _, _, call in batch]

        for answer, (message, delay, _) in zip(self._link.call_batches(batches()), made, strict=False):
            self.emit_after("enqueue", message, delay)
            yield answer

    def hurry(self, queue: str, message_id: str) -> None:
        """Deliver a message now that was put off; harmless for any other.

        Raises:
            ConnectionClosed: If Redis does not answer.
        """
        self._link.call(self._calls.hurry(queue, message_id))

    def in_flight(self, message_id: str) -> Delivery | None:
        """Return a message that this process holds."""
        return self._flight.find(message_id)

    def is_lost(self, message_id: str) -> bool:
        """Tell whether a message is no longer in this process's hands."""
        delivery = self._flight.find(message_id)
        return delivery is None or delivery.lost

    def settling(self, delivery: Delivery, outcome: Outcome) -> Call:
        """Return the call that writes what becomes of a message; it may be joined with another."""
        return self._calls.settle(delivery, outcome)

    def settle_by(self, call: Call, delivery: Delivery) -> Any:
        """Make a call that settles a message, unless it answers false.

        Raises:
            ConnectionClosed: If Redis does not answer.
        """
        with delivery.lock:
            answer = self._link.call_along(call)
            if answer is not None:
                self._let_go(delivery)
            return answer

    def settle(self, delivery: Delivery, outcome: Outcome) -> None:
        """Write what becomes of a message; what was decided first counts.

        Raises:
            ConnectionClosed: If Redis does not answer. It is tried again, here or when this is called again.
        """
        with delivery.lock:
            delivery.outcome = outcome = outcome if delivery.outcome is None else delivery.outcome
            if delivery.settled:
                return None
            if delivery.lost:
                return self._let_go(delivery)
            try:
                is_ours = self._link.call(self._calls.settle(delivery, outcome))
            except ConnectionClosed:
                self._keeper.hurry()
                raise
            self._let_go(delivery)
        if is_ours and isinstance(outcome, Dead):
            message = decoded(delivery.message_id, outcome.message)
            letter = DeadLetter(delivery.message_id, DeadReason(outcome.reason), message, None)
            self.dead.tell(delivery.queue_name, letter)
        return None

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Release messages that were not performed, at once and without counting it as a delivery.

        Raises:
            ConnectionClosed: If Redis does not answer; their leases lapse.
        """
        by_queue: dict[str, list[Delivery]] = {}
        for delivery in deliveries:
            by_queue.setdefault(delivery.queue_name, []).append(delivery)
            self._let_go(delivery)
        if by_queue:
            self._link.call_each([self._calls.give_back(queue, held) for queue, held in by_queue.items()])

    def stop_intake(self, waiting: Sequence[Delivery]) -> None:
        """Take no more messages, and give back these and those that no thread has seen.

        Raises:
            ConnectionClosed: If Redis does not answer; their leases lapse.
        """
        self.stopping = True
        unseen = [delivery for inbox in list(self._inboxes.values()) for delivery in inbox.drain()]
        self.give_back([*waiting, *unseen])

    def fetch(self, queue: str, limit: int) -> float:
        """Fetch messages into the inbox; return how many seconds to sleep if there were none.

        Raises:
            ConnectionClosed: If Redis does not answer. What it may have leased lapses.
        """
        wait, leased, news = self._link.call(self._calls.fetch(queue, limit), repeatable=False)
        inbox = self.inbox(queue)
        found = []
        for message_id, token, suspect, data in rows(leased, 4):
            message = decoded(message_id, data)
            if message is None:
                self.dead.bury_undecodable(queue, message_id, token, data)
                continue
            if message.queue_name != queue:
                message = message.copy(queue_name=queue)
            found.append(Delivery(message, token=token, suspect=bool(suspect), inbox=inbox))
        for delivery in found:
            self._flight.add(delivery)
        inbox.put(found)
        if found:
            self._keeper.start()
        for message_id, reason, data in rows(news, 3):
            self.dead.tell(queue, dead_letter(message_id, reason, data), message_id)
        if found or wait == 0:
            return 0.0
        return self._longest_sleep if wait < 0 else min(wait / 1000, self._longest_sleep)

    def begin(self, delivery: Delivery) -> None:
        """Note that a message is begun which may have killed a worker."""
        try:
            self._link.call(self._calls.begin(delivery))
        except ConnectionClosed as error:
            self.logger.warning("Message %s is begun without a note of it: %s", delivery.message_id, error)

    def abandon(self, queue: str) -> None:
        """Give back all that is left of a queue when the worker ends; outcomes that still wait are written."""
        if self.on_leave is not None:
            self.on_leave()
        left = self._flight.by_queue().get(queue, [])
        try:
            for delivery in left:
                if delivery.outcome is not None:
                    self.settle(delivery, delivery.outcome)
            self.give_back([delivery for delivery in left if delivery.outcome is None])
        except ConnectionClosed as error:
            self.logger.warning("%d messages wait for their leases to lapse: %s", len(left), error)

    def depth(self, queue: str) -> QueueDepth:
        """Count the messages of a queue.

        Raises:
            ConnectionClosed: If Redis does not answer.
        """
        return QueueDepth(*self._link.call(self._calls.depth(queue)))

    def flush(self, queue_name: str) -> None:
        """Forget all messages of a queue, dead ones aside."""
        self._link.call(self._calls.flush(queue_name))

    def do_qsize(self, queue_name: str) -> int:
        """Count the messages of a queue that are not dead; `join` asks."""
        return self.depth(queue_name).live

    def inbox(self, queue: str) -> Inbox:
        """Return what this process has fetched from a queue."""
        return self._inboxes.setdefault(queue, Inbox())

    def sleeper(self) -> Sleeper:
        """Make what a consumer sleeps with."""
        return self._link.sleeper()

    def wake_key(self, queue: str) -> str:
        """Name the list that wakes a queue's sleepers."""
        return self._calls.key(queue, "wake")

    def losses(self) -> list[str]:
        """Say what the server is set up to lose; nothing where it does not answer."""
        return losses_of(self._link)

    def probe(self) -> None:
        """Write something that is soon gone; raise `ConnectionClosed` if no message could be enqueued now."""
        self._link.send("SET", self._calls.key("", "probe"), "", "PX", 1000)

    def close(self) -> None:
        """Stop renewing leases, and give back connections."""
        self._keeper.close()
        self._link.close()
        self._renewals.close()
        self.client.close()

    def _retry(self, delivery: Delivery, delay: int | None) -> Message[Any]:
        self.emit_before("enqueue", delivery, delay)
        outcome = Again(time.monotonic() + (delay or 0) / 1000, delivery.encode())
        try:
            self.settle(delivery, outcome)
        except ConnectionClosed as error:
            self.logger.warning("Message %s is put off when Redis is back: %s", delivery.message_id, error)
        self.emit_after("enqueue", delivery, delay)
        return delivery  # type: ignore[return-value]

    def _let_go(self, delivery: Delivery) -> None:
        delivery.settled = True
        self._flight.remove(delivery)
        delivery.make_room()

    def _renew(self) -> None:
        by_queue = self._flight.by_queue()
        if not by_queue:
            return
        answers = self._renewals.call_each([self._calls.renew(queue, held) for queue, held in by_queue.items()])
        for held, answer in zip(by_queue.values(), answers, strict=True):
            for delivery, holds in zip(held, answer, strict=True):
                self._renewed(delivery, bool(holds))

    def _renewed(self, delivery: Delivery, holds: bool) -> None:
        if not holds and not delivery.settled:
            self.logger.warning("Message %s is in other hands: its lease has lapsed.", delivery.message_id)
            delivery.lost = True
            if delivery.detached:
                self._let_go(delivery)
        elif delivery.outcome is not None and not delivery.settled and delivery.lock.acquire(blocking=False):
            try:
                self.settle(delivery, delivery.outcome)
            finally:
                delivery.lock.release()

    def _priority(self, message: Message[Any]) -> int:
        actor = self.actors.get(message.actor_name)
        return priority_of(message, actor.options if actor else {})

    def __getattr__(self, name: str) -> Any:
        # The base class makes up commands for every name that begins with "do_".
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")


def _without_eta(message: Message[Any]) -> Message[Any]:
    if "eta" not in message.options:
        return message
    # A worker would hold it back in its memory; the delay says it all.
    message = message.copy()
    del message.options["eta"]
    return message
