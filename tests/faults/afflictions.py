"""The faults that are inflicted on a stage."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from strawberry_tasks import Snapshot, TaskStatus
from tests.faults.stage import Stage, treat
from tests.patience import SECONDS
from tests.processes import wait_until
from tests.programs import Worker
from tests.servers import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Affliction:
    """A fault: how it begins, and how it ends."""

    name: str
    """For people."""

    strike: Callable[[Stage, Worker], None]
    """Begins it; the second argument is the worker that has all runs."""

    strike_worker: Callable[[Stage, Worker], None] = lambda _stage, _worker: None
    """What happens to the worker once its tasks have ended without Redis."""

    heal: Callable[[Stage, Worker], None]
    """Ends it."""

    seconds: float = 2.5
    """How long it lasts."""

    loses_attempts: bool = False
    """Whether the worker may count as lost, so that its attempts are made again."""

    refuses: bool = True
    """Whether an enqueue may fail meanwhile."""

    def __str__(self) -> str:
        return self.name


def _nothing(_stage: Stage, _worker: Worker) -> None:
    pass


def _all(fault: Fault) -> Callable[[Stage, Worker], None]:
    return lambda stage, _: stage.set_fault(fault)


def _first(fault: Fault) -> Callable[[Stage, Worker], None]:
    return lambda stage, _: treat(stage.first_proxy, fault)


def _kill_server(stage: Stage, _worker: Worker) -> None:
    stage.server.kill()


def _start_server(stage: Stage, _worker: Worker) -> None:
    stage.server.start()


def _kill_worker(stage: Stage, worker: Worker) -> None:
    worker.send_signal(signal.SIGKILL)
    stage.start_worker(stage.proxy)


def _stop_worker(stage: Stage, worker: Worker) -> None:
    """Stop it until all that it had was begun again elsewhere; it finds Redis again when it goes on."""
    worker.send_signal(signal.SIGSTOP)
    treat(stage.first_proxy, Fault.PASS)
    begun = _unfinished(stage, {note.run_id for note in stage.journal.read()})
    interrupted = {run.id for run in begun if run.status is TaskStatus.RUNNING}
    stage.start_worker(stage.proxy)
    # Dramatiq's own broker notices after minutes.
    with contextlib.suppress(AssertionError) if stage.stock else contextlib.nullcontext():
        wait_until(
            lambda: not any(len(stage.journal.executions(run.id)) == 1 for run in _unfinished(stage, interrupted)),
            "the second attempts",
            15 if stage.stock else SECONDS,
        )
    worker.send_signal(signal.SIGCONT)


def _unfinished(stage: Stage, ids: Iterable[str]) -> list[Snapshot]:
    """Return those that have not ended; the outcome of one may still be on its way from a worker that is stopped."""
    runs = stage.tasks.tasks.runtime().store.read(sorted(ids))
    return [run for run in runs if run is not None and not run.is_terminal]


def _part_worker(stage: Stage, _worker: Worker) -> None:
    treat(stage.first_proxy, Fault.REFUSE)
    stage.start_worker(stage.proxy)


def _end_worker(stage: Stage, worker: Worker) -> None:
    worker.send_signal(signal.SIGTERM)
    stage.start_worker(stage.proxy)


def redis_away(name: str, fault: Fault, seconds: float) -> Affliction:
    """Make a fault of the way to Redis, for everybody."""
    return Affliction(name=name, strike=_all(fault), heal=_all(Fault.PASS), seconds=seconds)


def redis_killed(seconds: float) -> Affliction:
    """Make a crash of the server, which comes back with its data."""
    return Affliction(name="Redis killed", strike=_kill_server, heal=_start_server, seconds=seconds)


_worker: dict[str, Any] = {"seconds": 0.0, "refuses": False}

KILLED = Affliction(
    name="worker killed",
    strike=_first(Fault.BLACK_HOLE),
    strike_worker=_kill_worker,
    heal=_first(Fault.PASS),
    loses_attempts=True,
    **_worker,
)
STOPPED = Affliction(
    name="worker stopped past its lease",
    strike=_first(Fault.BLACK_HOLE),
    strike_worker=_stop_worker,
    heal=_first(Fault.PASS),
    loses_attempts=True,
    **_worker,
)
TERMINATED = Affliction(name="worker terminated", strike=_end_worker, heal=_nothing, loses_attempts=True, **_worker)
PARTED = Affliction(
    name="worker cut off past its lease",
    strike=_part_worker,
    heal=_first(Fault.PASS),
    seconds=4.0,
    loses_attempts=True,
    refuses=False,
)

PARTED_FROM_QUEUE = replace(PARTED, loses_attempts=False)
"""Its messages go to others, but it renews its attempts."""

SHORT: list[Affliction] = [
    KILLED,
    STOPPED,
    TERMINATED,
    PARTED,
    redis_killed(2.5),
    redis_away("connections refused", Fault.REFUSE, 2.5),
    redis_away("black hole", Fault.BLACK_HOLE, 2.5),
    redis_away("answers lost", Fault.LOST_ANSWERS, 2.5),
    redis_away("slow answers", Fault.SLOW, 2.5),
    redis_away("a blip", Fault.REFUSE, 0.3),
]
"""All faults, in little time: most outlast the lease all the same."""

OF_ONE: list[Affliction] = [
    redis_away("connections refused", Fault.REFUSE, 2.5),
    redis_away("black hole", Fault.BLACK_HOLE, 2.5),
    redis_away("answers lost", Fault.LOST_ANSWERS, 2.5),
]
"""Those that can befall the queue's server, or the store's, where each has its own."""

LONG: list[Affliction] = [
    redis_killed(10),
    redis_away("connections refused for 5 s", Fault.REFUSE, 5),
    redis_away("black hole for 12 s", Fault.BLACK_HOLE, 12),
]
"""Outages of the length that operations know."""
