"""What a queue does with messages, operation by operation."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import redis
from dramatiq.errors import ActorNotFound

from strawberry_tasks.backends.redis_transport import RedisTransport
from strawberry_tasks.backends.redis_transport.delivery import Again, Dead, Delivery, Done
from tests.integration.transport.conftest import LEASE, QUEUE, MakeTransport, ids, message, take
from tests.processes import wait_until

MONTH_MS = 30 * 24 * 3600 * 1000


def test_messages_come_in_order(transport: RedisTransport) -> None:
    """Messages of one priority come first in, first out."""
    names = [f"m{number}" for number in range(20, 0, -1)]

    for name in names:
        transport.enqueue(message(name))

    assert ids(take(transport, 20)) == names


def test_the_higher_priority_comes_first_across_the_queue(transport: RedisTransport) -> None:
    """A priority counts among all that wait, also when it is negative."""
    for name, priority in (("low", -1), ("first", 0), ("high", 5), ("second", 0), ("highest", 2000)):
        transport.enqueue(message(name, options={"broker_priority": priority}))

    assert ids(take(transport)) == ["highest", "high", "first", "second", "low"]


def test_a_message_keeps_its_priority_through_a_delay_and_a_retry(transport: RedisTransport) -> None:
    """A retried message waits behind those of its priority, and before lower ones."""
    transport.enqueue(message("high", options={"broker_priority": 3}))
    (delivery,) = take(transport)
    transport.enqueue(message("low"))
    transport.enqueue(message("higher", options={"broker_priority": 4}))
    transport.enqueue(message("other high", options={"broker_priority": 3}))

    transport.enqueue(delivery, delay=0)

    assert ids(take(transport)) == ["higher", "other high", "high", "low"]


def test_the_same_message_twice_is_one(transport: RedisTransport) -> None:
    """An id that is known is not added again, also while it is delayed or in flight."""
    transport.enqueue(message("waits"))
    transport.enqueue(message("later"), delay=60_000)
    transport.enqueue(message("waits"))
    transport.enqueue(message("later"))

    taken = take(transport)
    transport.enqueue(message("waits"))

    assert ids(taken) == ["waits"]
    assert transport.depth(QUEUE) == (0, 1, 1, 0)


def test_many_messages_are_enqueued_at_once(transport: RedisTransport) -> None:
    """`enqueue_many` adds all, in order."""
    names = [f"m{number}" for number in range(100)]

    transport.enqueue_many([message(name) for name in names])

    assert ids(take(transport, 100)) == names


def test_a_delay_has_no_cap(transport: RedisTransport, client: redis.Redis) -> None:
    """A message may be due in a month."""
    transport.enqueue(message("later"), delay=MONTH_MS)

    due = client.zscore(f"{transport.namespace}:queue:{QUEUE}:delayed", "later")
    assert due is not None
    assert abs(due - (time.time() * 1000 + MONTH_MS)) < 60_000
    assert take(transport) == []


def test_a_fetch_promotes_what_is_due(transport: RedisTransport) -> None:
    """A delayed message comes when its time has come, and the consumer is told how long it may sleep."""
    transport.enqueue(message("soon"), delay=150)

    sleep = transport.fetch(QUEUE, 1)

    assert 0 < sleep <= 0.15
    assert transport.inbox(QUEUE).take() is None
    wait_until(lambda: ids(take(transport)) == ["soon"], "the message is due")


def test_an_acknowledged_message_leaves_nothing(transport: RedisTransport, client: redis.Redis, namespace: str) -> None:
    """Every key of a queue is gone with its messages, or expires."""
    transport.enqueue(message("one"))
    transport.enqueue(message("two"), delay=1)
    wait_until(
        lambda: transport.fetch(QUEUE, 2) is not None and transport.depth(QUEUE).in_flight == 2, "both are in flight"
    )

    for delivery in transport.inbox(QUEUE).drain():
        transport.settle(delivery, Done())

    left = list(client.scan_iter(f"{namespace}:*"))
    assert all(client.pttl(key) > 0 for key in left), left
    assert transport.depth(QUEUE) == (0, 0, 0, 0)


def test_a_lapsed_lease_delivers_again_where_it_stood(make_transport: MakeTransport) -> None:
    """What a dead process held comes back within the lease, before what came later."""
    dead, alive = make_transport(), make_transport()
    dead.enqueue(message("first"))
    assert ids(take(dead)) == ["first"]
    dead.close()

    wait_until(lambda: alive.fetch(QUEUE, 0) is not None and alive.depth(QUEUE).ready, "it was taken back")
    alive.enqueue(message("second"))

    assert ids(take(alive)) == ["first", "second"]


def test_leases_are_renewed(make_transport: MakeTransport) -> None:
    """A process that lives keeps its messages however long they take."""
    holder, other = make_transport(), make_transport()
    holder.enqueue(message("long"))
    (delivery,) = take(holder)
    before = other.client.zscore(f"{other.namespace}:queue:{QUEUE}:leases", "long")
    assert before is not None

    wait_until(
        lambda: (
            take(other)
            or other.client.zscore(f"{other.namespace}:queue:{QUEUE}:leases", "long")
            > before + 2000 * LEASE.total_seconds()
        ),
        "two leases have passed",
    )

    assert other.inbox(QUEUE).take() is None
    assert not delivery.lost


def test_a_superseded_delivery_changes_nothing(make_transport: MakeTransport) -> None:
    """Who has lost a message can neither end it, nor put it off, nor bury it."""
    late, present = make_transport(lease=timedelta(milliseconds=50)), make_transport(lease=timedelta(milliseconds=50))
    late.enqueue(message("m"))
    (old,) = take(late)
    late._keeper.close()
    wait_until(lambda: take(present), "the message was taken over")
    present._keeper.close()

    for outcome in (Done(), Again(0.0), Dead("FAILED", b"x")):
        old.settled, old.outcome = False, None
        late.settle(old, outcome)

    assert present.depth(QUEUE).in_flight + present.depth(QUEUE).ready == 1
    assert present.depth(QUEUE).dead == 0


def test_a_late_end_counts_if_nobody_has_the_message_yet(make_transport: MakeTransport) -> None:
    """A message that was taken back, but not handed out again, is done when its holder says so."""
    transport = make_transport(lease=timedelta(milliseconds=50))
    transport.enqueue(message("m"))
    (delivery,) = take(transport)
    transport._keeper.close()
    wait_until(lambda: transport.fetch(QUEUE, 0) is not None and transport.depth(QUEUE).ready == 1, "it was taken back")

    transport.settle(delivery, Done())

    assert transport.depth(QUEUE) == (0, 0, 0, 0)


def test_nothing_is_taken_back_for_a_lease_after_an_outage(make_transport: MakeTransport, client: redis.Redis) -> None:
    """When nobody was heard of for a lease, the holders get the time of another to renew."""
    holder, other = make_transport(), make_transport()
    holder.enqueue(message("m"))
    take(holder)
    holder.close()
    key = f"{holder.namespace}:queue:{QUEUE}"
    client.zadd(f"{key}:leases", {"m": 1})
    client.hset(f"{key}:pulse", mapping={"seen": 1, "grace": 1})

    began = time.monotonic()
    wait_until(lambda: ids(take(other)) == ["m"], "the grace is over")

    assert time.monotonic() - began > LEASE.total_seconds() * 0.9


def test_a_message_that_kills_its_workers_is_buried(make_transport: MakeTransport) -> None:
    """After so many lapsed leases a message goes to the dead letters, and its owner is told."""
    transport = make_transport(lease=timedelta(milliseconds=30), max_deliveries=3)
    told: list[tuple[str, str]] = []
    transport.dead.on_dead = lambda letter: told.append((letter.message_id, letter.reason))
    transport.enqueue(message("poison"))
    deliveries = 0

    def deliver() -> bool:
        nonlocal deliveries
        for delivery in take(transport):
            transport._keeper.close()
            deliveries += 1
            if delivery.suspect:
                transport.begin(delivery)
        return bool(told)

    wait_until(deliver, "the message is buried")

    assert deliveries == 3
    assert told == [("poison", "DELIVERIES_EXHAUSTED")]
    (letter,) = transport.dead.read(QUEUE)
    assert letter.reason == "DELIVERIES_EXHAUSTED"
    assert transport.depth(QUEUE) == (0, 0, 0, 1)


def test_what_was_never_begun_is_not_blamed(make_transport: MakeTransport) -> None:
    """Messages that were only fetched beside the one that kills workers outlive it."""
    transport = make_transport(lease=timedelta(milliseconds=30), max_deliveries=3)
    transport.enqueue_many([message("poison"), message("innocent")])

    def deliver() -> bool:
        for delivery in take(transport):
            transport._keeper.close()
            if delivery.message_id == "poison" and delivery.suspect:
                transport.begin(delivery)
        return transport.depth(QUEUE).dead == 1

    wait_until(deliver, "one message is buried")

    assert [letter.message_id for letter in transport.dead.read(QUEUE)] == ["poison"]
    wait_until(lambda: ids(take(transport)) == ["innocent"], "the other one is delivered")


def test_a_worker_that_looks_seldom_takes_back_all_the_same(make_transport: MakeTransport) -> None:
    """The longest sleep of an idle worker does not look like an outage."""
    dead, idle = make_transport(), make_transport()
    dead.enqueue(message("m"))
    take(dead)
    dead.close()

    sleep = idle.fetch(QUEUE, 1)

    assert sleep <= LEASE.total_seconds() / 2


def test_an_owner_that_could_not_be_told_is_told_again(make_transport: MakeTransport) -> None:
    """Another process tells about a death after a lease, when the one that found it could not."""
    failing, other = (
        make_transport(lease=timedelta(milliseconds=100)),
        make_transport(lease=timedelta(milliseconds=100)),
    )
    told: list[str] = []
    failing.dead.on_dead = lambda letter: 1 / 0  # type: ignore[assignment, func-returns-value]
    other.dead.on_dead = lambda letter: told.append(letter.message_id)
    failing.enqueue(message("m"))
    (delivery,) = take(failing)

    failing.settle(delivery, Dead("FAILED", delivery.encode()))

    wait_until(lambda: other.fetch(QUEUE, 0) is not None and told, "the owner was told")
    assert told == ["m"]


def test_what_is_given_back_stands_where_it_stood(make_transport: MakeTransport) -> None:
    """Messages that were given back come first again, and it counts as no lapse."""
    giver, taker = make_transport(), make_transport()
    giver.enqueue_many([message("a"), message("b"), message("c")])
    taken = take(giver, 2)

    giver.give_back(taken)

    again = take(taker)
    assert ids(again) == ["a", "b", "c"]
    assert not any(delivery.suspect for delivery in again)
    assert giver.in_flight("a") is None


def test_a_retry_is_one_operation(transport: RedisTransport) -> None:
    """A message in flight that is enqueued again is put off, and its acknowledgement does nothing more."""
    transport.enqueue(message("m"))
    (delivery,) = take(transport)
    delivery.options["retries"] = 1

    transport.enqueue(delivery, delay=50)
    transport.settle(delivery, Done())

    assert transport.depth(QUEUE) == (0, 1, 0, 0)
    wait_until(lambda: (again := take(transport)) and again[0].options["retries"] == 1, "it is delivered again")


def test_a_detached_message_is_kept_until_it_is_finished(transport: RedisTransport) -> None:
    """What the worker's thread says of a detached message is ignored; it leaves room for another one."""
    consumer = transport.consume(QUEUE, prefetch=1, timeout=10)
    transport.enqueue_many([message("async"), message("next")])
    delivery = next(consumer)
    assert isinstance(delivery, Delivery)

    delivery.detach()
    delivery.make_room()
    consumer.ack(delivery)

    assert transport.depth(QUEUE).in_flight == 1
    assert next(consumer).message_id == "next"  # type: ignore[union-attr]
    transport.settle(delivery, Done())
    assert transport.in_flight("async") is None
    assert transport.depth(QUEUE).in_flight == 1
    consumer.close()


def test_a_detached_message_can_be_put_off(transport: RedisTransport) -> None:
    """Whoever performs it ends the delivery, and has the message delivered again."""
    transport.enqueue(message("async"))
    (delivery,) = take(transport)
    delivery.detach()

    transport.settle(delivery, Again(time.monotonic() + 60))

    assert transport.depth(QUEUE) == (0, 1, 0, 0)
    assert transport.is_lost("async")


@pytest.mark.parametrize(("error", "reason"), [(None, "FAILED"), (ActorNotFound("x"), "UNKNOWN_ACTOR")])  # type: ignore[no-untyped-call]
def test_a_rejected_message_becomes_a_dead_letter(
    transport: RedisTransport, error: Exception | None, reason: str
) -> None:
    """A message that the worker gives up is kept with the reason and its traceback."""
    consumer = transport.consume(QUEUE, timeout=10)
    transport.enqueue(message("m"))
    delivery = next(consumer)
    assert delivery is not None
    delivery.options["traceback"] = "Traceback: it went wrong"
    delivery.fail()
    if error:
        delivery.stuff_exception(error)

    consumer.nack(delivery)

    (letter,) = transport.dead.read(QUEUE)
    assert (letter.message_id, letter.reason, letter.traceback) == ("m", reason, "Traceback: it went wrong")
    assert transport.depth(QUEUE) == (0, 0, 0, 1)
    consumer.close()


def test_what_cannot_be_decoded_becomes_a_dead_letter(transport: RedisTransport, client: redis.Redis) -> None:
    """A message of an unknown form does not stop the queue."""
    transport.enqueue_many([message("bad"), message("good")])
    client.hset(f"{transport.namespace}:queue:{QUEUE}:messages", "bad", "{not json")

    taken = take(transport)

    assert ids(taken) == ["good"]
    (letter,) = transport.dead.read(QUEUE)
    assert (letter.message_id, letter.reason, letter.message) == ("bad", "UNDECODABLE", None)


def test_dead_letters_can_be_retried_and_purged(transport: RedisTransport) -> None:
    """A dead letter goes back to its queue with its priority, or away."""
    for name in ("a", "b", "c"):
        transport.enqueue(message(name))
    for delivery in take(transport):
        transport.settle(delivery, Dead("FAILED", delivery.encode()))
    letters = {letter.message_id: letter for letter in transport.dead.read(QUEUE)}

    retried = transport.dead.retry(QUEUE, [letters["b"]])
    purged = transport.dead.purge(QUEUE, [letters["a"]])

    assert (retried, purged) == (1, 1)
    assert ids(take(transport)) == ["b"]
    assert [letter.message_id for letter in transport.dead.read(QUEUE)] == ["c"]
    assert transport.dead.purge(QUEUE) == 1
    assert transport.depth(QUEUE).dead == 0


def test_dead_letters_are_kept_for_a_while(make_transport: MakeTransport, client: redis.Redis) -> None:
    """A dead letter is gone after its time, with its last key."""
    transport = make_transport(dead_ttl=timedelta(milliseconds=200))
    transport.enqueue(message("m"))
    (delivery,) = take(transport)
    transport.settle(delivery, Dead("FAILED", delivery.encode()))
    assert transport.depth(QUEUE).dead == 1

    wait_until(lambda: not client.exists(f"{transport.namespace}:queue:{QUEUE}:letters"), "the letter is gone")

    assert transport.dead.read(QUEUE) == []


def test_delays_need_no_queue_of_their_own(transport: RedisTransport) -> None:
    """No consumer of a delay queue is ever asked for."""
    transport.declare_queue(QUEUE)

    assert transport.get_declared_queues() == {QUEUE}
    assert transport.get_declared_delay_queues() == set()
