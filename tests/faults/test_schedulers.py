"""Each fire is one run, whatever becomes of the schedulers."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from itertools import takewhile
from pathlib import Path

import pytest

from tests.apps.ticking import NAMES, ticking
from tests.processes import wait_until

ROOT = Path(__file__).parents[2]
SECOND = timedelta(seconds=1)


def spawn(url: str, namespace: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.apps.ticking", url, namespace], cwd=ROOT)


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_three_schedulers_make_each_fire_once(redis_url: str, namespace: str, seconds: int) -> None:
    """Of five schedules, and three schedulers of which one is killed and started again, no fire is missing and none is there twice."""
    tasks = ticking(redis_url, namespace)
    store = tasks.runtime().store
    begun, states = store.schedules(NAMES)
    first = {name: state.last for name, state in zip(NAMES, states, strict=True)}

    def passed(share: float) -> bool:
        return store.schedules(NAMES)[0] >= begun + share * seconds * SECOND

    schedulers = [spawn(redis_url, namespace) for _ in range(3)]
    try:
        wait_until(lambda: passed(0.6), "most of the time has passed", seconds + 10)
        schedulers[0].kill()
        schedulers[0].wait()
        schedulers.append(spawn(redis_url, namespace))
        wait_until(lambda: passed(1), "the time has passed", seconds + 10)
        end = begun + (seconds - 1) * SECOND
        wait_until(lambda: all(state.last >= end for state in store.schedules(NAMES)[1]), "all have fired")
    finally:
        for scheduler in schedulers:
            scheduler.kill()
            scheduler.wait()

    expected: set[str] = set()
    for name, state in zip(NAMES, store.schedules(NAMES)[1], strict=True):
        schedule = tasks.schedules.all()[name]
        fires = takewhile(lambda fire, last=state.last: fire <= last, schedule.fires_after(first[name]))  # type: ignore[misc]
        expected |= {schedule.run_id(namespace, fire) for fire in fires}
    made = [run.id for run in store.list(owner=None, first=1000).runs]
    tasks.close()

    assert len(expected) >= len(NAMES) * (seconds - 1)
    assert sorted(made) == sorted(expected)
