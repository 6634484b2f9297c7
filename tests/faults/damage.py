"""Damages to single keys, and a scene that has keys of every kind to damage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from secrets import token_hex
from typing import Any, Final

import redis
from dramatiq import Worker

from strawberry_tasks import Schema, TaskContext, TaskError, Tasks
from strawberry_tasks.backends.redis_transport import RedisTransport
from strawberry_tasks.cli.overview import read_overview
from strawberry_tasks.contrib.health import look
from strawberry_tasks.policy import Viewer
from strawberry_tasks.testing import SubscriptionError, subscribe
from tests.operations import Person
from tests.patience import SECONDS

Damage = Callable[[redis.Redis, bytes, Random], object]

ANN, STAFF = Person(pk=1), Person(pk=2, is_staff=True)
LEASE: Final = timedelta(seconds=2)
TOLD: Final = {"TASK_UNREADABLE", "TASK_NOT_FOUND", "TASK_NOT_RETRYABLE"}
"""What clients may read of a run whose record was damaged."""


def write(value: bytes) -> Damage:
    """Put a value where another one is: in a field, as a member or as the text."""

    def damage(client: redis.Redis, key: bytes, random: Random) -> None:
        match client.type(key):
            case b"hash":
                client.hset(key, random.choice(client.hkeys(key)), value)
            case b"zset":
                client.zadd(key, {value: random.choice([0, 1, 1e15])})
            case b"set":
                client.sadd(key, value)
            case b"list":
                client.rpush(key, value)
            case _:
                client.set(key, value, keepttl=True)

    return damage


def score(value: float) -> Damage:
    """Give a member another score."""

    def damage(client: redis.Redis, key: bytes, random: Random) -> None:
        if client.type(key) == b"zset":
            client.zadd(key, {random.choice(client.zrange(key, 0, -1)): value})
        else:
            write(repr(value).encode())(client, key, random)

    return damage


def cut(client: redis.Redis, key: bytes, random: Random) -> None:
    """Leave half of a field, or of the text."""
    match client.type(key):
        case b"hash":
            name = random.choice(client.hkeys(key))
            text = client.hget(key, name)
            client.hset(key, name, text[: len(text) // 2])
        case b"string":
            text = client.get(key)
            client.set(key, text[: len(text) // 2], keepttl=True)
        case _:
            take(client, key, random)


def take(client: redis.Redis, key: bytes, random: Random) -> None:
    """Take out a field, or a member."""
    match client.type(key):
        case b"hash":
            client.hdel(key, random.choice(client.hkeys(key)))
        case b"zset":
            client.zrem(key, random.choice(client.zrange(key, 0, -1)))
        case b"set":
            client.spop(key)
        case _:
            client.delete(key)


def retype(client: redis.Redis, key: bytes, random: Random) -> None:
    """Put something of another type in its place."""
    is_text = client.type(key) == b"string"
    client.delete(key)
    if is_text or random.random() < 0.5:
        client.rpush(key, "nothing")
    else:
        client.set(key, "nothing")
    client.pexpire(key, 600_000)


def rename(client: redis.Redis, key: bytes, _: Random) -> None:
    """Let another run, or index, seem to have it."""
    client.rename(key, key[:-1] + b"0" if key[-1:] != b"0" else key[:-1] + b"1")


DAMAGES: Final[Mapping[str, Damage]] = {
    "another type": retype,
    "deleted": lambda client, key, _: client.delete(key),
    "cut": cut,
    "taken out": take,
    "junk": write(b"abc"),
    "no number": write(b"nan"),
    "another version's word": write(b"EXPLODED"),
    "another version's JSON": write(b'{"version": 99}'),
    "huge": write(b"9" * 100_000),
    "no UTF-8": write(b"\xff\xfe \xff"),
    "empty": write(b""),
    "score without end": score(float("inf")),
    "score before all": score(float("-inf")),
    "no expiry": lambda client, key, _: client.persist(key),
    "renamed": rename,
    "expired": lambda client, key, _: client.pexpire(key, 1),
}


@dataclass
class Scene:
    """Tasks with a worker in this process, and runs in every state."""

    tasks: Tasks
    schema: Schema
    worker: Worker
    namespace: str
    runs: list[str] = field(default_factory=list)

    async def execute(self, document: str, user: Person = ANN, **variables: object) -> tuple[Any, list[str | None]]:
        """Execute an operation, and return its data and the codes of its errors."""
        result = await self.schema.execute(document, variable_values=variables, context_value={"user": user})
        for error in result.errors or []:
            assert "redis" not in error.message.lower(), error.message
            assert "script" not in error.message.lower(), error.message
        codes = [(error.extensions or {}).get("code") for error in result.errors or []]
        assert None not in codes, result.errors
        return result.data, codes

    async def start(self, document: str) -> str:
        """Start a run that nothing is the matter with."""
        data, codes = await self.execute(document)
        assert not codes, codes
        (run,) = data.values()
        return str(run["id"])

    async def populate(self) -> None:
        """Have runs that ended, that wait, and that will be performed."""
        self.runs = [
            await self.start(f"mutation {{ {call} {{ id }} }}")
            for call in ("add(left: 2, right: 3)", "fail", "listed", "alone")
        ]
        self.runs.append(await asyncio.to_thread(self._put_off))
        store = self.tasks.runtime().store
        async with asyncio.timeout(SECONDS):
            for run_id in self.runs[:4]:
                await self.watch(run_id)
        store.schedules(["nightly", "hourly"])
        store.pause("hourly", paused=True)

    async def watch(self, run_id: str) -> list[str]:
        """Return the states of a run to its end, or the code that it was refused with."""
        seen: list[str] = []
        document = "subscription ($id: ID!) { taskProgress(taskId: $id) { status result } }"
        try:
            async with aclosing(subscribe(self.schema, document, {"id": run_id}, {"user": ANN})) as events:
                async for event in events:
                    seen.append(event["taskProgress"]["status"])  # noqa: PERF401 - what came before an error counts
        except SubscriptionError as refusal:
            # An error without a code leaves none.
            seen += refusal.codes or [f"raw: {refusal}"]
        return seen

    async def look_around(self, damaged: Sequence[str]) -> None:
        """Check that all goes on, but for what was damaged.

        Args:
            damaged: The runs whose own records were damaged.
        """
        async with asyncio.timeout(SECONDS):
            await self._start_and_watch()
            for run_id in self.runs:
                data, codes = await self.execute(
                    "query ($id: ID!) { task(id: $id) { id status result progress createdAt error } }", id=run_id
                )
                assert set(codes) <= (TOLD if run_id in damaged else set()), (run_id, codes)
            for user in (ANN, STAFF):
                data, codes = await self.execute("{ tasks { nodes { id status name } } }", user)
                assert not codes
                assert {run["id"] for run in data["tasks"]["nodes"]} >= {self.runs[-1]}
            for run_id in self.runs[:-1]:
                for act in ("cancelTask", "retryTask"):
                    _, codes = await self.execute(f"mutation ($id: ID!) {{ {act}(taskId: $id) {{ id }} }}", id=run_id)
                    assert set(codes) <= (TOLD if run_id in damaged else {"TASK_NOT_RETRYABLE"}), codes
            await asyncio.to_thread(self._tend)

    async def _start_and_watch(self) -> None:
        """Perform new runs of each kind, while somebody watches those that are damaged."""
        watchers = [asyncio.create_task(self.watch(run_id)) for run_id in self.runs]
        for call in ("listed", "alone", "add(left: 3, right: 4)"):
            self.runs.append(await self.start(f"mutation {{ {call} {{ id }} }}"))
            states = await self.watch(self.runs[-1])
            assert states[-1] == "COMPLETED", (call, states)
        for watcher in watchers:
            watcher.cancel()
        told = [
            states for states in await asyncio.gather(*watchers, return_exceptions=True) if isinstance(states, list)
        ]
        assert "raw" not in str(told)

    def _put_off(self) -> str:
        hours = timedelta(hours=1)
        viewer = Viewer(id=str(ANN.pk))
        waits = self.tasks.find("add").using(delay=hours, expires=2 * hours, key=token_hex(4), viewer=viewer)
        return waits.enqueue(left=1, right=1).id

    def _tend(self) -> None:
        runtime = self.tasks.runtime()
        runtime.sweep()
        runtime.tend_log()
        self.tasks.schedules.tick()
        self.tasks.schedules.views()
        runtime.store.schedules(["nightly", "hourly"])
        read_overview(self.tasks)
        assert look(self.tasks).is_live
        broker = self.tasks.broker
        assert isinstance(broker, RedisTransport)
        for queue in self.tasks.queues():
            broker.dead.read(queue)

    def keys(self, client: redis.Redis) -> list[bytes]:
        """Return the keys that there are."""
        return sorted(client.scan_iter(f"{self.namespace}:*", count=1000))


@asynccontextmanager
async def scene(url: str, namespace: str) -> AsyncIterator[Scene]:
    """Make tasks, and a worker for them."""
    tasks = Tasks(url, namespace=namespace, lease=LEASE, max_retries=0)

    @tasks.mutation()
    def add(task: TaskContext, left: int, right: int) -> int:
        task.progress(1, 2, "half")
        return left + right

    @tasks.mutation()
    def fail() -> int:
        raise TaskError("no", code="NO")

    @tasks.mutation(concurrency=1)
    def alone() -> int:
        return 1

    @tasks.mutation()
    async def listed() -> list[int]:
        return [1]

    @tasks.periodic(every=timedelta(hours=1))
    def hourly() -> None: ...

    worker = Worker(tasks.broker, worker_timeout=100, worker_threads=2)
    worker.start()
    try:
        yield Scene(tasks, Schema(extensions=[tasks.extension]), worker, namespace)
    finally:
        await asyncio.to_thread(worker.stop)
        tasks.close()
