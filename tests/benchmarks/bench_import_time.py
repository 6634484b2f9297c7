"""How long ``import strawberry_tasks`` takes, beside importing Strawberry and Dramatiq alone.

Every figure is one fresh process, the start of Python included; the bytecode is there, as after an installation. CPU time
suffers less than the clock from what else the machine does. Target: 1.2 times at the most.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from statistics import median

from report import in_turns, ratio, show

ROUNDS = 31
ALONE = "import strawberry, dramatiq"
OURS = "import strawberry_tasks"


class _Process:
    """Runs a piece of code in fresh processes.

    Attributes:
        cpu: The CPU time of each in seconds.
    """

    def __init__(self, code: str, environment: Mapping[str, str]) -> None:
        self.cpu: list[float] = []
        self._command = [sys.executable, "-c", code]
        self._environment = environment

    def __call__(self) -> float:
        """Run it, and return the seconds from start to end."""
        cpu, begin = _cpu_of_children(), time.perf_counter()
        subprocess.run(self._command, check=True, env=self._environment)
        wall = time.perf_counter() - begin
        self.cpu.append(_cpu_of_children() - cpu)
        return wall


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as bytecode:
        # Elsewhere than usual, so that bytecode is used even where the environment forbids to write it.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
        processes = {code: _Process(code, environment) for code in ("pass", ALONE, OURS)}
        wall = in_turns(ROUNDS, processes)
    cpu = {code: process.cpu[-ROUNDS:] for code, process in processes.items()}
    rows: list[list[object]] = [[code, 1000 * median(wall[code]), 1000 * median(cpu[code])] for code in processes]
    rows.append(["ratio (target 1.2)", ratio(wall, OURS, ALONE), ratio(cpu, OURS, ALONE)])
    show(f"Import, {ROUNDS} processes each, medians", ["python -c …", "wall ms", "CPU ms"], rows)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
