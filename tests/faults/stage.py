"""Where a fault plays: a server, two ways to it, worker processes, and the tasks as the test's own process sees them."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Self

import redis
from dramatiq.common import dq_name

from tests.apps.settings import Settings
from tests.faults.journal import Journal
from tests.faults.tasks import FaultTasks, make_tasks
from tests.programs import Worker
from tests.servers import Fault, Proxy, RedisServer

LEASE = timedelta(seconds=1.5)
"""The lease of attempts and messages: short, so that its end is soon seen."""

SHUTDOWN_MS = 1000
"""How long a worker that is told to end lets its tasks go on."""


class Exposed(StrEnum):
    """What is behind the proxies; the rest goes straight to the server, as if it were another one."""

    BOTH = "store and queue"
    QUEUE = "queue"
    STORE = "store"


class Stage:
    """All of it, for the block. Everybody reaches Redis through `proxy`, but the first worker has a proxy of its own.

    Args:
        directory: Where files go.
        stock: Whether Dramatiq's own Redis broker carries the messages instead of ours.
        exposed: What is behind the proxies.
        lease: How long a lost worker's attempts are leased.

    Attributes:
        proxy: The way to Redis of all but the first worker.
        first_proxy: The way of the first worker.
        tasks: The tasks, to enqueue and to watch.
        journal: What the tasks note.
    """

    namespace = "faults"

    def __init__(
        self, directory: Path, *, stock: bool = False, exposed: Exposed = Exposed.BOTH, lease: timedelta = LEASE
    ) -> None:
        self.directory = directory
        self.lease = lease
        self.server = RedisServer()
        self.journal = Journal(directory / "journal")
        self.stock = stock
        self._exposed = exposed
        self._stack = ExitStack()
        self._workers = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.server)
            self.proxy = stack.enter_context(Proxy(self.server.port))
            self.first_proxy = stack.enter_context(Proxy(self.server.port))
            self.tasks: FaultTasks = make_tasks(self.settings(self.proxy))
            stack.callback(self.tasks.tasks.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._stack.close()

    def settings(self, proxy: Proxy) -> Settings:
        """Return the settings of a process that goes this way."""
        straight = self.server.url
        store, queue = {
            Exposed.BOTH: (proxy.url, proxy.url),
            Exposed.QUEUE: (straight, proxy.url),
            Exposed.STORE: (proxy.url, straight),
        }[self._exposed]
        broker = f"stock+{queue}" if self.stock else queue
        return Settings(
            url=store,
            namespace=self.namespace,
            uploads=self.directory / "uploads",
            broker=broker,
            lease=self.lease,
        )

    def start_worker(self, proxy: Proxy, *, threads: int = 10) -> Worker:
        """Start a worker process that goes this way; it ends with the block."""
        self._workers += 1
        worker = Worker(
            "tests.faults.worker:broker",
            environment=self.settings(proxy).environment,
            log=self.directory / f"worker-{self._workers}.log",
            threads=threads,
            options=["--worker-shutdown-timeout", str(SHUTDOWN_MS)],
        )
        return self._stack.enter_context(worker)

    def set_fault(self, fault: Fault) -> None:
        """Let both ways treat everybody like this; connections that would not notice are closed."""
        for proxy in (self.proxy, self.first_proxy):
            treat(proxy, fault)

    def gate(self, name: str) -> Path:
        """Return the path of a gate; to make the file is to open it."""
        return self.directory / name

    def messages(self) -> int:
        """Count the messages that are not done with."""
        queue = self.tasks.work.options.queue
        stock = [f"{self.namespace}-stock:{name}.msgs" for name in (queue, dq_name(queue))]
        keys = stock if self.stock else [f"{self.namespace}:queue:{queue}:messages"]
        with redis.Redis.from_url(self.server.url) as client:
            return sum(int(client.hlen(key)) for key in keys)

    def records(self) -> set[str]:
        """Return the id of every run of which there is a record."""
        with redis.Redis.from_url(self.server.url, decode_responses=True) as client:
            return {key.rpartition(":")[2] for key in client.scan_iter(f"{self.namespace}:run:*", count=1000)}

    def immortal_keys(self) -> list[str]:
        """Return the keys that would stay for ever and belong to no queue that is in use."""
        with redis.Redis.from_url(self.server.url, decode_responses=True) as client:
            keys = list(client.scan_iter(f"{self.namespace}:*", count=1000))
            return [key for key in keys if client.pttl(key) == -1]


def treat(proxy: Proxy, fault: Fault) -> None:
    """Let a proxy have a fault, or none."""
    before, proxy.fault = proxy.fault, fault
    if fault is Fault.REFUSE or before in (Fault.BLACK_HOLE, Fault.LOST_ANSWERS):
        # What was swallowed is lost, and whoever waits for it must not wait on.
        proxy.cut()
