"""Faults at random, from a seed that is printed: no promise is broken. ``make chaos`` does it for longer."""

from __future__ import annotations

import os
from pathlib import Path
from random import SystemRandom

from tests.faults.chaos.oracle import Oracle
from tests.faults.chaos.plan import Plan
from tests.faults.chaos.storm import run_chaos

RUNS, FAULTS, LONGEST = 400, 5, 2.0


def test_no_promise_is_broken(tmp_path: Path) -> None:
    """Every run ends once and as it is meant to, and every subscriber sees that, whatever is broken meanwhile."""
    seed = int(os.environ.get("CHAOS_SEED") or SystemRandom().randrange(1_000_000))
    print(f"CHAOS_SEED={seed}")

    evidence, _ = run_chaos(Plan(seed, runs=RUNS, faults=FAULTS, longest=LONGEST), tmp_path, say=print)

    broken = {promise: findings for promise, findings in Oracle(evidence).findings().items() if findings}
    assert broken == {}, f"CHAOS_SEED={seed}"
