"""Any one key in Redis is damaged, in any way: the runs concerned suffer, and nobody else does."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from random import Random
from uuid import uuid4

import pytest
import redis
from dramatiq import Message

from tests.faults.damage import ANN, DAMAGES, Scene, scene

logger = logging.getLogger(__name__)

MOST_LINES = 30
"""How many warnings one damage may cost: each process tells of it, and none does again and again."""

SEEDS = [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 40))]


@pytest.mark.parametrize("seed", SEEDS)
async def test_one_key_is_damaged(redis_url: str, namespace: str, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """Runs are started, listed, watched, performed, canceled and retried as ever; each error that a client reads is one of ours."""
    caplog.set_level(logging.INFO)
    random = Random(seed)
    with redis.Redis.from_url(redis_url) as client:
        async with scene(redis_url, namespace) as place:
            for name, damage in random.sample(sorted(DAMAGES.items()), 6):
                await place.populate()
                key = random.choice(_of_a_kind(place, client, random))
                caplog.clear()
                logger.info("Seed %s: %s, %s.", seed, key, name)
                damage(client, key, random)
                await place.look_around([run_id for run_id in place.runs if run_id.encode() in key])
                assert len([record for record in caplog.records if record.levelno > logging.INFO]) < MOST_LINES
                if client.pttl(key) == -1:
                    client.pexpire(key, 1000)


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGES)
async def test_keys_of_every_kind_are_damaged(redis_url: str, namespace: str, name: str) -> None:
    """In each of the ways, one after the other, while the same processes go on."""
    random = Random(name)
    done: set[bytes] = set()
    with redis.Redis.from_url(redis_url) as client:
        async with scene(redis_url, namespace) as place:
            while True:
                await place.populate()
                kinds = _kinds(place, client)
                if not (left := sorted(kinds.keys() - done)):
                    break
                done.add(left[0])
                key = random.choice(kinds[left[0]])
                logger.info("%s, %s.", key, name)
                DAMAGES[name](client, key, random)
                await place.look_around([run_id for run_id in place.runs if run_id.encode() in key])
                if client.pttl(key) == -1:
                    client.pexpire(key, 1000)
    assert len(done) > 15


async def test_two_versions_run_side_by_side(redis_url: str, namespace: str, caplog: pytest.LogCaptureFixture) -> None:
    """What a newer one writes is left as it is and told as such; all else goes on, with few words in the log."""
    caplog.set_level(logging.WARNING)
    with redis.Redis.from_url(redis_url) as client:
        async with scene(redis_url, namespace) as place:
            await place.populate()
            newer = NextVersion(client, namespace)
            written = [newer.write(number) for number in range(20)]
            before = [client.hgetall(f"{namespace}:run:{run_id}") for run_id in written]

            for _ in range(3):
                newer.announce(written)
                await place.look_around([])
            codes = [(await place.execute("query ($id: ID!) { task(id: $id) { id } }", id=run))[1] for run in written]

            assert codes == [["TASK_UNREADABLE"]] * len(written)
            assert [client.hgetall(f"{namespace}:run:{run_id}") for run_id in written] == before
            dead = place.tasks.broker.dead.read("default")
            assert {letter.message_id for letter in dead} == set(written)
    told = [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert len([line for line in told if written[0] in line]) < 6


class NextVersion:
    """Writes as a version might that knows another state, other fields and longer notices."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self._client = client
        self._prefix = f"{namespace}:"

    def write(self, number: int) -> str:
        """Record a run, and send its message."""
        run_id, now, name = str(uuid4()), time.time(), ("add", "listed")[number % 2]
        record = {
            "id": run_id,
            "name": name,
            "queue": "default",
            "status": "WAITING",
            "version": 3,
            "attempt": 1,
            "owner": str(ANN.pk),
            "created_at": round(now * 1000),
            "arguments": '{"left": 1, "right": 1}',
            "question": "Go on?",
            "limit_group": "alone",
            "limit": 1,
        }
        key = f"{self._prefix}run:{run_id}"
        self._client.hset(key, mapping=record)
        self._client.pexpire(key, 600_000)
        for index, member, score in (
            ("runs", run_id, now * 1e6),
            (f"owner:{ANN.pk}", run_id, now * 1e6),
            ("kept", f"{run_id} {ANN.pk}", now * 1e3 + 600_000),
            ("leases", run_id, 1),
            ("expiring", run_id, 1),
            ("limit:alone", run_id, number),
        ):
            self._client.zadd(f"{self._prefix}{index}", {member: score})
        self._send(run_id, name)
        return run_id

    def announce(self, run_ids: Sequence[str]) -> None:
        """Tell that they have changed, and report a worker."""
        for run_id in run_ids:
            for topic in (f"run:{run_id}", "all", f"owner:{ANN.pk}"):
                for notice in (f"{run_id} 4 WAITING", json.dumps({"run": run_id, "version": 4})):
                    self._client.publish(f"{self._prefix}{topic}", notice)
        self._client.set(f"{self._prefix}worker:newer", json.dumps({"id": "newer", "zone": "eu"}), px=600_000)
        self._client.sadd(f"{self._prefix}workers", "newer")

    def _send(self, run_id: str, actor: str) -> None:
        message = Message(
            queue_name="default", actor_name=actor, args=(run_id,), kwargs={}, options={}, message_id=run_id
        )
        queue = f"{self._prefix}queue:default"
        self._client.hset(f"{queue}:messages", run_id, message.encode())
        self._client.zadd(f"{queue}:ready", {run_id: 0})


def _of_a_kind(place: Scene, client: redis.Redis, random: Random) -> list[bytes]:
    """Return keys of one kind: there are more of some than of others."""
    kinds = _kinds(place, client)
    return kinds[random.choice(sorted(kinds))]


def _kinds(place: Scene, client: redis.Redis) -> dict[bytes, list[bytes]]:
    kinds: dict[bytes, list[bytes]] = {}
    for key in place.keys(client):
        rest = key[len(place.namespace) + 1 :]
        kinds.setdefault(rest if rest.startswith(b"queue:") else rest.split(b":")[0], []).append(key)
    return kinds
