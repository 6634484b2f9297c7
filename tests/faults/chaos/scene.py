"""The processes of a chaos run, and what may be done to them."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Self

import redis

from tests.apps.settings import Settings
from tests.faults.chaos.plan import WORKERS, Kind, Strike
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

    Attributes:
        tasks: The tasks, to enqueue and to watch in this process, which goes the same way as everybody.
        journal: What the tasks note.
        streams: What the subscriber's process got.
    """

    def __init__(self, directory: Path) -> None:
        self.journal = Journal(directory / "journal")
        self.streams = Streams(directory / "events")
        self._directory = directory
        self._ids = directory / "ids"
        self._ids.touch()
        self._stack = ExitStack()
        self._started = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._server = stack.enter_context(RedisServer())
            self._proxy = stack.enter_context(Proxy(self._server.port))
            self._ways = [stack.enter_context(Proxy(self._server.port)) for _ in range(WORKERS)]
            self.tasks: ChaosTasks = make_tasks(self._settings(self._proxy))
            stack.callback(self.tasks.tasks.close)
            self._stack = stack
            self._workers = [self._start_worker(number) for number in range(WORKERS)]
            self._subscriber = Subscriber(
                self._ids,
                self._directory / "events",
                settings=self._settings(self._proxy),
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

    def client(self) -> redis.Redis:
        """Return a client that goes straight to the server."""
        return redis.Redis.from_url(self._server.url, decode_responses=True)

    def _settings(self, proxy: Proxy) -> Settings:
        return Settings(url=proxy.url, namespace=NAMESPACE, uploads=self._directory / "uploads", lease=LEASE)

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
        ways = [self._proxy, *self._ways]
        for way in ways:
            treat(way, fault)
        time.sleep(seconds)
        for way in ways:
            treat(way, Fault.PASS)

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
        wait_until(worker.has_ended, "the end of a worker", 30)
        self._workers[strike.worker] = self._start_worker(strike.worker)

    def _part_worker(self, strike: Strike) -> None:
        treat(self._ways[strike.worker], Fault.BLACK_HOLE)
        time.sleep(LEASE.total_seconds() + strike.seconds)
        treat(self._ways[strike.worker], Fault.PASS)

    def _kill_redis(self, strike: Strike) -> None:
        self._server.kill()
        time.sleep(strike.seconds)
        self._server.start()

    def _cut(self, _strike: Strike) -> None:
        for way in (self._proxy, *self._ways):
            way.cut()

    def _cut_subscribers(self, _strike: Strike) -> None:
        with self.client() as client:
            client.client_kill_filter(_type="pubsub")

    def _flush_scripts(self, _strike: Strike) -> None:
        with self.client() as client:
            client.script_flush()

    def _kill_subscriber(self, _strike: Strike) -> None:
        self._subscriber.send_signal(signal.SIGKILL)
        wait_until(self._subscriber.has_ended, "the end of the subscriber")
        self._subscriber.restart()
