"""A dead worker is seen in time, and its run goes on in time."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from strawberry_tasks import TaskStatus
from tests.faults.stage import Stage
from tests.faults.worker_lost import measure
from tests.processes import wait_until

LEASE = timedelta(seconds=1.5)
TIMES = 3


async def test_watchers_know_within_a_lease_and_a_second(tmp_path: Path) -> None:
    """After a SIGKILL a watcher gets news within the lease plus one second, and the run is at work one second later."""
    with Stage(tmp_path, lease=LEASE) as stage:
        losses = await measure(stage, TIMES)

    bound = LEASE.total_seconds() + 1
    assert max(loss.seen for loss in losses) <= bound
    assert max(loss.again for loss in losses) <= bound + 1
    # Where the next attempt follows at once, what was between may be skipped.
    assert {loss.statuses[0] for loss in losses} <= {TaskStatus.RETRYING, TaskStatus.RUNNING}


def test_an_idle_worker_goes_on_in_time_though_nobody_watches(tmp_path: Path) -> None:
    """The silence of a lost worker is not taken for one of the server: the next attempt begins within a lease and a second."""
    lease = timedelta(seconds=4)
    with Stage(tmp_path, lease=lease) as stage:
        first = stage.start_worker(stage.proxy)
        handle = stage.tasks.work.enqueue(stage.journal.path, gate=str(stage.gate("gate")))
        wait_until(lambda: stage.journal.has(handle.id, "begun", 1), "the first attempt")
        stage.start_worker(stage.proxy)

        first.send_signal(signal.SIGKILL)
        killed = datetime.now(UTC)
        wait_until(lambda: stage.journal.has(handle.id, "begun", 2), "the next attempt")
        again = handle.refresh().started_at
        stage.gate("gate").touch()

    assert again - killed <= lease + timedelta(seconds=1)
