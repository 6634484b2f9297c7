"""What runs leave behind in Redis: memory and keys before many runs, with all of them, and once they have expired.

Run it as ``python tests/benchmarks/bench_memory.py [runs]``, with a server of its own. It ends with 1 if more is left than is promised.
"""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from report import show

from strawberry_tasks.contrib.embedded import EmbeddedServer
from tests.integration.leftovers import measure

RUNS = 100_000
KEPT = timedelta(seconds=60)
BOUND = 1.05
"""How many times the memory before may be used afterwards."""


def main() -> int:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    # Some of the runs fail.
    logging.disable(logging.CRITICAL)
    with EmbeddedServer() as server:
        figures = measure(server.url, "bench-memory", runs=runs, kept=KEPT)
    before, _, after = figures
    rows = [[name, use.memory / 2**20, use.memory / before.memory, use.keys] for name, use in figures._asdict().items()]
    show(f"Redis, {runs} runs that are kept for {KEPT.seconds} s", ["", "MiB", "ratio", "keys"], rows)
    return 0 if after.memory <= BOUND * before.memory and after.keys == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
