"""Scheduler processes: several at a time, killed, started anew, and inside workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from strawberry_tasks import Snapshot, Tasks
from strawberry_tasks.snapshot import from_millis
from tests.apps.settings import Settings
from tests.processes import wait_until
from tests.programs import ROOT, Program

APP = "tests.apps.beats:tasks"
NAMES = ("one", "two", "three", "four", "five")
SECOND = timedelta(seconds=1)


class Scheduler(Program):
    """``strawberry-tasks scheduler``."""

    def __init__(self, *, environment: Mapping[str, str], log: Path) -> None:
        super().__init__(["strawberry_tasks.cli", "scheduler", APP], environment=environment, log=log)

    def is_ready(self) -> bool:
        """Tell whether it schedules."""
        return self.has_said(f"Scheduling {APP}: five, four, one, three, two.")


@pytest.fixture
def settings(redis_url: str, namespace: str, tmp_path: Path) -> Settings:
    """Where everything is."""
    return Settings(url=redis_url, namespace=namespace, uploads=tmp_path)


def fires(tasks: Tasks) -> dict[str, list[Snapshot]]:
    """Return the runs of each schedule, the oldest first."""
    found: dict[str, list[Snapshot]] = {name: [] for name in NAMES}
    after = None
    while True:
        page = tasks.runtime().store.list(owner=None, first=500, after=after)
        for run in page.runs:
            found[run.name].insert(0, run)
        after = page.cursor
        if after is None:
            return found


def expected(tasks: Tasks, name: str, first: datetime, last: datetime) -> list[str]:
    """Return the ids that the runs of a schedule have which fires each second."""
    schedule = tasks.schedules.all()[name]
    ids = []
    while first <= last:
        ids.append(schedule.run_id(tasks.config.namespace, first))
        first += SECOND
    return ids


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=[pytest.mark.slow])], ids=["short", "long"])
def test_each_fire_is_made_once_whoever_dies(settings: Settings, tmp_path: Path, seconds: int) -> None:
    """Three schedulers, five schedules, one second; one is killed, and started again."""
    tasks = settings.make_tasks()
    for name in NAMES:
        tasks.periodic(every=SECOND, name=name)(lambda: None)
    with ExitStack() as stack:
        schedulers = [
            stack.enter_context(Scheduler(environment=settings.environment, log=tmp_path / f"{number}.log"))
            for number in range(3)
        ]
        for victim in schedulers[: 1 if seconds < 10 else 3]:
            before = len(fires(tasks)["one"])
            wait_until(lambda before=before: len(fires(tasks)["one"]) >= before + seconds // 3, "fires")  # type: ignore[misc]
            victim.send_signal(signal.SIGKILL)
            wait_until(victim.has_ended, "its end")
            victim.restart()
        wait_until(lambda: len(fires(tasks)["one"]) >= seconds, "all fires", seconds + 60)

    for name, runs in fires(tasks).items():
        assert len(runs) >= seconds - 1
        first = min(run.created_at for run in runs if run.created_at)
        whole = from_millis(int(first.timestamp()) * 1000)
        _, (state,) = tasks.runtime().store.schedules([name])
        assert [run.id for run in runs] == expected(tasks, name, whole, state.last)
    tasks.close()


def test_a_scheduler_ends_on_sigterm(settings: Settings, tmp_path: Path) -> None:
    """At once, and in good order."""
    with Scheduler(environment=settings.environment, log=tmp_path / "scheduler.log") as scheduler:
        scheduler.send_signal(signal.SIGTERM)
        wait_until(scheduler.has_ended, "its end", 5)

    assert "Traceback" not in scheduler.said


class SchedulingWorker(Program):
    """``strawberry-tasks worker --with-scheduler``."""

    def __init__(self, *, environment: Mapping[str, str], log: Path) -> None:
        words = ["strawberry_tasks.cli", "worker", APP, "--processes", "2", "--threads", "2", "--with-scheduler"]
        super().__init__(words, environment=environment, log=log)

    def is_ready(self) -> bool:
        """Tell whether it works."""
        return self.said.count("is ready for action") == 2


def test_a_worker_may_be_a_scheduler_too(settings: Settings, tmp_path: Path) -> None:
    """Each of its processes; the fires are made once, and performed."""
    tasks = settings.make_tasks()
    for name in NAMES:
        tasks.periodic(every=SECOND, name=name)(lambda: None)
    with SchedulingWorker(environment=settings.environment, log=tmp_path / "worker.log"):
        wait_until(lambda: sum(run.is_terminal for run in fires(tasks)["one"]) >= 2, "two performed fires")

    runs = fires(tasks)["one"]
    assert len({run.id for run in runs}) == len(runs)
    tasks.close()


def test_schedules_are_listed_paused_and_fired(settings: Settings) -> None:
    """From the command line, for people and for scripts."""
    (first, *_), others = json.loads(command(settings, "list", "--json")), command(settings, "list")
    command(settings, "pause", "one")
    paused = {row["name"]: row for row in json.loads(command(settings, "list", "--json"))}
    run_id = command(settings, "fire", "two").strip()
    command(settings, "resume", "one")
    resumed = {row["name"]: row for row in json.loads(command(settings, "list", "--json"))}
    tasks = settings.make_tasks()

    assert first["name"] == "five"
    assert first["timing"] == "every 0:00:01"
    assert "every 0:00:01" in others
    assert (paused["one"]["isPaused"], paused["one"]["nextFireAt"]) == (True, None)
    assert resumed["one"]["isPaused"] is False
    assert tasks.handle(run_id).refresh().name == "two"
    tasks.close()


def test_an_unknown_schedule_is_told(settings: Settings) -> None:
    """With what there is, and a documented exit code."""
    done = run(settings, "pause", "six")

    assert done.returncode == 5
    assert "no schedule named 'six'. There are: five, four, one, three, two." in done.stderr


def run(settings: Settings, subcommand: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "strawberry_tasks.cli", "schedules", subcommand, APP, *words],
        env={**os.environ, **settings.environment, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def command(settings: Settings, subcommand: str, *words: str) -> str:
    """Run a command that must not fail, and return what it says."""
    done = run(settings, subcommand, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout
