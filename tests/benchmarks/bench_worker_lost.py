"""Measures how soon a watcher knows that a worker was killed, and how soon its run is performed again.

Run it as ``python tests/benchmarks/bench_worker_lost.py [times]``; with a lease of 5 seconds each time takes about as long.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.faults.stage import Stage
from tests.faults.worker_lost import measure

LEASE = timedelta(seconds=5)
SEEN, AGAIN = 6.0, 7.0
"""What is promised, in seconds."""


def main() -> int:
    """Print what it takes; end with 1 if a promise is broken."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as directory, Stage(Path(directory), lease=LEASE) as stage:
        losses = asyncio.run(measure(stage, times))
    kept = True
    for name, bound, seconds in (
        ("a watcher knows", SEEN, [loss.seen for loss in losses]),
        ("it runs again", AGAIN, [loss.again for loss in losses]),
    ):
        in_time = sum(value <= bound for value in seconds)
        kept = kept and in_time == times
        print(
            f"SIGKILL → {name}: median {statistics.median(seconds):.2f} s, max {max(seconds):.2f} s; "
            f"within {bound:g} s {in_time} times of {times}"
        )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
