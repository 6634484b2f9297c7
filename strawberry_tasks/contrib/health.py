"""Tells whether tasks can be started and will be performed: for ``/healthz``, probes and ``strawberry-tasks check``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dramatiq.errors import ConnectionClosed

from ..app import Tasks
from ..backends.redis_transport import RedisTransport
from ..errors import ConfigurationError, StoreUnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How it stands with some tasks, as seen from this process."""

    is_live: bool
    """Whether the store and the queues answer, and take writes: runs can be started and watched."""

    workers: int = 0
    """How many worker processes are there."""

    unattended: Sequence[str] = ()
    """The queues of these tasks that no worker consumes."""

    error: str | None = None
    """What does not answer; names the server, and is not meant for everybody."""

    @property
    def is_ready(self) -> bool:
        """Whether all runs that are started will be performed, too."""
        return self.is_live and not self.unattended


def look(tasks: Tasks) -> Health:
    """Ask the store and the queues; takes a second or two when they do not answer."""
    try:
        tasks.runtime().store.probe()
        _probe_queues(tasks)
        workers = tasks.workers()
    except (StoreUnavailableError, ConnectionClosed) as error:
        return Health(is_live=False, error=str(error))
    attended = {queue for worker in workers for queue in worker.queues}
    return Health(is_live=True, workers=len(workers), unattended=sorted(needed_queues(tasks) - attended))


def healthz(tasks: Tasks, *, ready: bool = False) -> tuple[int, dict[str, object]]:
    """Return the HTTP status and the JSON body of a health check: 200 if all is well, else 503.

    Args:
        tasks: What it is about.
        ready: Whether workers are needed, too. A web server that restarts because there is no worker helps nobody: leave it out
            of liveness checks.
    """
    health = look(tasks)
    is_well = health.is_ready if ready else health.is_live
    body = {"ok": is_well, "store": health.is_live, "workers": health.workers, "unattended": list(health.unattended)}
    return 200 if is_well else 503, body


async def ahealthz(tasks: Tasks, *, ready: bool = False) -> tuple[int, dict[str, object]]:
    """`healthz` for async code."""
    return await tasks.runtime().off_loop(healthz, tasks, ready=ready)


def needed_queues(tasks: Tasks) -> set[str]:
    """Return the queues that the tasks' runs go to unless `using` says otherwise."""
    return {task.options.queue for task in tasks.registry.tasks.values()}


def _probe_queues(tasks: Tasks) -> None:
    try:
        broker = tasks.broker
    except ConfigurationError:  # They are performed in this process.
        return
    if isinstance(broker, RedisTransport):
        broker.probe()
