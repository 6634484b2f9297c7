"""A dead worker is seen in time, and its run goes on in time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from strawberry_tasks import TaskStatus
from tests.faults.stage import Stage
from tests.faults.worker_lost import measure

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
