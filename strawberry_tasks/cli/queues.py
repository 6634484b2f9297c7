"""What is in the queues, and who consumes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from ..app import Tasks
from ..backends.redis_transport import RedisTransport
from ..backends.redis_transport.letters import QueueDepth
from ..stores.workers import WorkerInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """A queue at one moment."""

    name: str

    depth: QueueDepth | None
    """How many messages there are; ``None`` with a broker that does not tell."""

    workers: int
    """How many worker processes consume it."""

    def data(self) -> dict[str, object]:
        """Return what scripts are told."""
        depth = self.depth
        return {
            "name": self.name,
            "ready": None if depth is None else depth.ready,
            "delayed": None if depth is None else depth.delayed,
            "inFlight": None if depth is None else depth.in_flight,
            "dead": None if depth is None else depth.dead,
            "workers": self.workers,
        }


def queue_states(tasks: Tasks, workers: Sequence[WorkerInfo]) -> list[QueueState]:
    """Read the queues that these tasks know or these workers consume, by name.

    Raises:
        ConnectionClosed: If the queues do not answer.
    """
    consumed = [queue for worker in workers for queue in worker.queues]
    broker = tasks.broker
    return [
        QueueState(
            name=queue,
            depth=broker.depth(queue) if isinstance(broker, RedisTransport) else None,
            workers=consumed.count(queue),
        )
        for queue in sorted({*tasks.queues(), *consumed})
    ]


def transport_of(tasks: Tasks) -> RedisTransport:
    """Return the broker of tasks, if it has queues that can be looked into.

    Raises:
        click.UsageError: If it is another one.
    """
    broker = tasks.broker
    if not isinstance(broker, RedisTransport):
        raise click.UsageError(
            f"expected tasks over the Redis transport, got {type(broker).__name__}; use its own tools."
        )
    return broker
