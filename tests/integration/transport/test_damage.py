"""Messages that cannot be read, and keys of a queue that others have written to."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis

from strawberry_tasks.backends.redis_transport import DeadLetter, DeadReason, RedisTransport
from strawberry_tasks.backends.redis_transport.delivery import Done
from tests.integration.transport.conftest import QUEUE, MakeTransport, ids, is_empty, message, take


@pytest.fixture
def raw(redis_url: str) -> Iterator[redis.Redis]:
    """What does the damage."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def key(namespace: str) -> str:
    """What the keys of the queue begin with."""
    return f"{namespace}:queue:{QUEUE}"


ENCODED = json.loads(message("bad").encode())


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b'{"queue_name": "q"}',
        json.dumps({**ENCODED, "mood": "fine"}).encode(),
        json.dumps({**ENCODED, "queue_name": 5}).encode(),
        json.dumps({**ENCODED, "options": []}).encode(),
        json.dumps({**ENCODED, "options": {"broker_priority": "high"}}).encode(),
        json.dumps({**ENCODED, "kwargs": []}).encode(),
        json.dumps({**ENCODED, "args": 5}).encode(),
        json.dumps({**ENCODED, "message_id": "other"}).encode(),
    ],
)
def test_a_message_that_cannot_be_read_is_buried(
    transport: RedisTransport, raw: redis.Redis, key: str, data: bytes | None
) -> None:
    """With its reason, and its owner is told; the one behind it is fetched."""
    told: list[DeadLetter] = []
    transport.dead.on_dead = told.append
    transport.enqueue(message("bad"))
    transport.enqueue(message("good"))
    if data is None:
        raw.hdel(f"{key}:messages", "bad")
    else:
        raw.hset(f"{key}:messages", "bad", data)

    assert ids(take(transport)) == ["good"]
    assert [(letter.message_id, letter.reason) for letter in told] == [("bad", DeadReason.UNDECODABLE)]
    assert [letter.message_id for letter in transport.dead.read(QUEUE)] == ["bad"]


def test_an_id_that_is_no_text_is_buried(transport: RedisTransport, raw: redis.Redis, key: str) -> None:
    """Once, and not with each fetch."""
    told: list[DeadLetter] = []
    transport.dead.on_dead = told.append
    raw.zadd(f"{key}:ready", {b"\xff": 0})
    transport.enqueue(message("good"))

    assert ids(take(transport)) == ["good"]
    assert take(transport) == []
    assert len(told) == 1
    assert raw.zcard(f"{key}:untold") == 0


@pytest.mark.parametrize("reason", [None, b"\xff", b"SUNSPOTS"])
def test_a_letter_of_another_version_is_read(
    transport: RedisTransport, raw: redis.Redis, key: str, reason: bytes | None
) -> None:
    """What it was buried for is not known here, and nothing is made of that."""
    transport.enqueue(message("dead"))
    (delivery,) = take(transport)
    delivery.fail()
    transport.consume(QUEUE).nack(delivery)
    if reason is None:
        raw.hdel(f"{key}:reasons", "dead")
    else:
        raw.hset(f"{key}:reasons", "dead", reason)
    raw.zadd(f"{key}:untold", {"dead": 0})
    raw.zadd(f"{key}:dead", {"dead": float("inf")})

    assert take(transport) == []
    (letter,) = transport.dead.read(QUEUE)
    assert letter.reason is DeadReason.OTHER


@pytest.mark.parametrize("value", ["abc", "nan", "inf", "9223372036854775807", "-5", ""])
@pytest.mark.parametrize("place", ["sequence", "pulse", "lapses", "bases", "deliveries"])
def test_numbers_that_make_no_sense_stop_nobody(
    transport: RedisTransport, raw: redis.Redis, key: str, place: str, value: str
) -> None:
    """Messages are enqueued, put off, leased, renewed and ended as ever."""
    transport.enqueue(message("first"))
    transport.enqueue(message("later"), delay=3_600_000)
    (delivery,) = take(transport)
    if place == "sequence":
        raw.set(f"{key}:sequence", value)
    elif place == "pulse":
        raw.hset(f"{key}:pulse", mapping={"seen": value, "grace": value})
    else:
        raw.hset(f"{key}:{place}", mapping={"later": value, "first": value})
        raw.zadd(f"{key}:leases", {"first": 1})

    transport.enqueue(message("second"))
    transport.hurry(QUEUE, "later")
    transport._renew()

    held = take(transport)
    assert {"second", "later"} <= set(ids(held))
    for one in (delivery, *held):
        transport.settle(one, Done())
    assert transport.depth(QUEUE).ready == 0


@pytest.mark.parametrize(
    "part",
    ["messages", "sequence", "bases", "ready", "delayed", "leases", "deliveries", "lapses", "started", "pulse", "dead"],
)
def test_a_key_of_another_type_stops_nobody(
    make_transport: MakeTransport, raw: redis.Redis, key: str, part: str
) -> None:
    """It is put aside, and what comes from then on is performed."""
    transport = make_transport()
    raw.delete(f"{key}:{part}")
    raw.rpush(f"{key}:{part}", "nothing")

    transport.enqueue(message("one"))
    transport.enqueue(message("two"), delay=1)
    transport.hurry(QUEUE, "two")
    held = take(transport)
    transport._renew()

    assert ids(held) == ["one", "two"]
    for delivery in held[:1]:
        transport.settle(delivery, Done())
    held[1].fail()
    transport.consume(QUEUE).nack(held[1])
    assert is_empty(transport)
    assert [letter.message_id for letter in transport.dead.read(QUEUE)] == ["two"]
