"""The processes of a chaos run, and what may be done to them."""

from __future__ import annotations

import signal
import time
from collections.abc import Set
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, Self, TypeAlias

import redis

from tests.apps.settings import Settings
from tests.faults.chaos.plan import COSTLY, UNEVEN, WORKERS, Kind, Strike
from tests.faults.chaos.streams import Streams
from tests.faults.chaos.tasks import THREADS, ChaosTasks, make_tasks
from tests.faults.journal import Journal
from tests.faults.stage import treat
from tests.processes import wait_until
from tests.programs import Program, Worker
from tests.servers import Fault, Proxy, RedisServer

NAMESPACE = "chaos"
LEASE = timedelta(seconds=2)

_FAULTS = {
    Kind.REFUSE: Fault.REFUSE,
    Kind.BLACK_HOLE: Fault.BLACK_HOLE,
    Kind.LOSE_ANSWERS: Fault.LOST_ANSWERS,
    Kind.SLOW: Fault.SLOW,
}


Way: TypeAlias = "list[Proxy]"
"""A proxy before each server."""


class Blow(NamedTuple):
    """What a fault did to workers."""

    pids: Set[int]
    """Their processes."""

    began: float
    """When, in seconds since the epoch."""

    ended: float
    """When it was over."""


class Subscriber(Program):
    """A process that watches the runs that a file names."""

    def __init__(self, ids: Path, events: Path, *, settings: Settings, log: Path) -> None:
        words = ["tests.faults.chaos.subscriber", str(ids), str(events)]
        super().__init__(words, environment=settings.environment, log=log)
        self._starts = 0

    def __enter__(self) -> Self:
        self._starts += 1
        return super().__enter__()

    def is_ready(self) -> bool:
        """Tell whether it watches."""
        return self.said.count("subscribed") >= self._starts


class Scene:
    """All of them, for the block.

    Args:
        directory: Where files go.
        apart: Whether the messages are on a server of their own.

    Attributes:
        tasks: The tasks, to enqueue and to watch in this process, which goes the same way as everybody.
        journal: What the tasks note.
        streams: What the subscriber's process got.
        blows: What the faults did to workers.
    """

    def __init__(self, directory: Path, *, apart: bool = False) -> None:
        self.journal = Journal(directory / "journal")
        self.streams = Streams(directory / "events")
        self.blows: list[Blow] = []
        self._directory = directory
        self._ids = directory / "ids"
        self._ids.touch()
        self._stack = ExitStack()
        self._started = 0
        self._servers = [RedisServer() for _ in range(2 if apart else 1)]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for server in self._servers:
                stack.enter_context(server)
            self._common_way = self._make_way(stack)
            self._ways = [self._make_way(stack) for _ in range(WORKERS)]
            self.tasks: ChaosTasks = make_tasks(self._settings(self._common_way))
            stack.callback(self.tasks.tasks.close)
            self._stack = stack
            self._workers = [self._start_worker(number) for number in range(WORKERS)]
            self._subscriber = Subscriber(
                self._ids,
                self._directory / "events",
                settings=self._settings(self._common_way),
                log=self._directory / "subscriber.log",
            )
            stack.enter_context(self._subscriber)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._stack.close()

    def show(self, run_id: str) -> None:
        """Let the subscriber's process watch a run."""
        with self._ids.open("a") as ids:
            ids.write(f"{run_id}\n")

    def strike(self, strike: Strike) -> None:
        """Let a fault begin and end."""
        hit = self._workers if strike.kind in UNEVEN else self._workers[strike.worker : strike.worker + 1]
        pids, began = {pid for worker in hit for pid in worker.pids}, time.time()
        self._inflict(strike)
        if strike.kind in COSTLY | UNEVEN:
            self.blows.append(Blow(pids, began, time.time()))

    def _inflict(self, strike: Strike) -> None:
        if strike.kind in _FAULTS:
            self._disturb(_FAULTS[strike.kind], strike.seconds)
        else:
            way = {
                Kind.KILL_WORKER: self._kill_worker,
                Kind.STOP_WORKER: self._stop_worker,
                Kind.END_WORKER: self._end_worker,
                Kind.PART_WORKER: self._part_worker,
                Kind.KILL_REDIS: self._kill_redis,
                Kind.CUT: self._cut,
                Kind.CUT_SUBSCRIBERS: self._cut_subscribers,
                Kind.FLUSH_SCRIPTS: self._flush_scripts,
                Kind.KILL_SUBSCRIBER: self._kill_subscriber,
            }[strike.kind]
            way(strike)

    def clients(self) -> list[redis.Redis]:
        """Return a client for each server, the one of the runs first and that of the messages last; they go straight there."""
        return [redis.Redis.from_url(server.url, decode_responses=True) for server in self._servers]

    def _make_way(self, stack: ExitStack) -> Way:
        return [stack.enter_context(Proxy(server.port)) for server in self._servers]

    def _settings(self, way: Way) -> Settings:
        store, *other = way
        return Settings(
            url=store.url,
            broker="".join(proxy.url for proxy in other),
            namespace=NAMESPACE,
            uploads=self._directory / "uploads",
            lease=LEASE,
        )

    def _start_worker(self, number: int) -> Worker:
        self._started += 1
        worker = Worker(
            "tests.faults.chaos.worker",
            environment=self._settings(self._ways[number]).environment,
            log=self._directory / f"worker-{self._started}.log",
            threads=THREADS,
            options=["--worker-shutdown-timeout", "500"],
        )
        return self._stack.enter_context(worker)

    def _disturb(self, fault: Fault, seconds: float) -> None:
        for way in (self._common_way, *self._ways):
            _treat(way, fault)
        time.sleep(seconds)
        for way in (self._common_way, *self._ways):
            _treat(way, Fault.PASS)

    def _kill_worker(self, strike: Strike) -> None:
        self._workers[strike.worker].send_signal(signal.SIGKILL)
        self._workers[strike.worker] = self._start_worker(strike.worker)

    def _stop_worker(self, strike: Strike) -> None:
        self._workers[strike.worker].send_signal(signal.SIGSTOP)
        time.sleep(LEASE.total_seconds() + strike.seconds)
        self._workers[strike.worker].send_signal(signal.SIGCONT)

    def _end_worker(self, strike: Strike) -> None:
        worker = self._workers[strike.worker]
        worker.send_signal(signal.SIGTERM)
        wait_until(worker.has_ended, "the end of a worker")
        self._workers[strike.worker] = self._start_worker(strike.worker)

    def _part_worker(self, strike: Strike) -> None:
        _treat(self._ways[strike.worker], Fault.BLACK_HOLE)
        time.sleep(LEASE.total_seconds() + strike.seconds)
        _treat(self._ways[strike.worker], Fault.PASS)

    def _kill_redis(self, strike: Strike) -> None:
        server = self._servers[strike.worker % len(self._servers)]
        server.kill()
        time.sleep(strike.seconds)
        server.start()

    def _cut(self, _strike: Strike) -> None:
        for way in (self._common_way, *self._ways):
            for proxy in way:
                proxy.cut()

    def _cut_subscribers(self, _strike: Strike) -> None:
        for client in self.clients():
            with client:
                client.client_kill_filter(_type="pubsub")

    def _flush_scripts(self, _strike: Strike) -> None:
        for client in self.clients():
            with client:
                client.script_flush()

    def _kill_subscriber(self, _strike: Strike) -> None:
        self._subscriber.send_signal(signal.SIGKILL)
        wait_until(self._subscriber.has_ended, "the end of the subscriber")
        self._subscriber.restart()


def _treat(way: Way, fault: Fault) -> None:
    for proxy in way:
        treat(proxy, fault)
