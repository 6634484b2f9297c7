"""A long chaos run: ``python -m tests.faults.chaos --runs 10000 --faults 20 --seed 1``; ends with 1 if a promise was broken."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom

from tests.faults.chaos.oracle import Oracle
from tests.faults.chaos.plan import Plan
from tests.faults.chaos.storm import run_chaos

LONGEST = 5.0
"""How many seconds the longest fault lasts."""

SHOWN_FINDINGS = 10


def main() -> int:
    """Play a plan, and tell what the oracle says."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--apart", action="store_true", help="put the messages on a server of their own")
    parser.add_argument("--keep", type=Path, default=None, help="a directory for what the processes said")
    arguments = parser.parse_args()
    seed = SystemRandom().randrange(1_000_000) if arguments.seed is None else arguments.seed
    print(f"seed {seed}: {arguments.runs} runs, {arguments.faults} faults", flush=True)

    began = time.monotonic()
    plan = Plan(seed, runs=arguments.runs, faults=arguments.faults, longest=LONGEST)
    with tempfile.TemporaryDirectory() as passing:
        directory = arguments.keep or Path(passing)
        directory.mkdir(parents=True, exist_ok=True)
        evidence, refused = run_chaos(
            plan,
            directory,
            say=lambda text: print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True),
            apart=arguments.apart,
        )

    oracle = Oracle(evidence)
    findings = oracle.findings()
    print(f"{arguments.runs} runs, {oracle.executions} executions, {oracle.extra} of them repeated after a fault;")
    print(f"{refused} enqueues refused, of which {oracle.foreign} were executed; {time.monotonic() - began:.0f} s")
    for promise, broken in findings.items():
        print(f"  {len(broken):5} {promise}")
        for finding in broken[:SHOWN_FINDINGS]:
            print(f"        {finding}")
    print(f"seed {seed}")
    return 1 if any(findings.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
