"""A worker that was stopped past its lease goes on when others have its runs: nothing that it still does counts."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from strawberry_tasks import Handle, TaskStatus
from tests.faults.stage import Stage, treat
from tests.processes import wait_until
from tests.programs import Worker
from tests.servers import Fault

TOO_LATE = "came too late"
"""What a worker says whose outcome was refused."""


class Zombie(NamedTuple):
    """A stopped worker with one thread, whose function has ended, and the run that another worker has by now."""

    stage: Stage
    handle: Handle[int]
    worker: Worker
    successor: Worker

    def rise(self) -> None:
        """Let it go on, and wait until it has tried to write what it has."""
        treat(self.stage.first_proxy, Fault.PASS)
        self.worker.send_signal(signal.SIGCONT)
        wait_until(lambda: TOO_LATE in self.worker.said, "the zombie's attempt to write")


@contextmanager
def zombie(directory: Path, *, failures: int, pause: int = 0) -> Iterator[Zombie]:
    """Take a run to its second attempt, while the first one has ended and could not tell."""
    with Stage(directory) as stage:
        gate = stage.gate("gate")
        worker = stage.start_worker(stage.first_proxy, threads=1)
        handle = stage.tasks.work.enqueue(
            stage.journal.path, gate=str(gate), failures=failures, pause=pause, later=str(stage.gate("later"))
        )
        wait_until(lambda: stage.journal.has(handle.id, "begun", 1), "the first attempt")
        treat(stage.first_proxy, Fault.BLACK_HOLE)
        gate.touch()
        wait_until(lambda: stage.journal.has(handle.id, "ending", 1), "the end of its function")
        worker.send_signal(signal.SIGSTOP)
        successor = stage.start_worker(stage.proxy, threads=1)
        wait_until(lambda: stage.journal.has(handle.id, "begun", 2), "the second attempt")
        yield Zombie(stage, handle, worker, successor)


@pytest.mark.parametrize("failures", [0, 1], ids=["returned", "raised"])
def test_its_outcome_is_refused(tmp_path: Path, failures: int) -> None:
    """While the second attempt runs, the outcome of the first one changes nothing; the run ends with the second one's."""
    with zombie(tmp_path, failures=failures) as dead:
        before = dead.handle.refresh()
        dead.rise()
        after = dead.handle.refresh()
        dead.stage.gate("later").touch()
        wait_until(lambda: dead.handle.refresh().is_terminal, "the end")

        assert after == before
        assert (after.status, after.attempt) == (TaskStatus.RUNNING, 2)
        assert dead.handle.result() == 2
        assert dead.stage.journal.executions(dead.handle.id) == [1, 2]


def test_it_leaves_the_message_alone(tmp_path: Path) -> None:
    """A message that waits for the third attempt is not the zombie's to deliver before its time."""
    with zombie(tmp_path, failures=2, pause=60_000) as dead:
        dead.stage.gate("later").touch()
        wait_until(lambda: dead.handle.refresh().status is TaskStatus.RETRYING, "the second failure")
        # From now on the zombie is the only worker, and has one thread.
        dead.successor.send_signal(signal.SIGKILL)

        dead.rise()
        following = dead.stage.tasks.work.enqueue(dead.stage.journal.path)
        wait_until(lambda: following.refresh().is_terminal, "the end of the next run")

        assert dead.handle.refresh().status is TaskStatus.RETRYING
        assert dead.stage.journal.executions(dead.handle.id) == [1, 2]
