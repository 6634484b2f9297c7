"""``inspect`` and ``top``: what there is, for people and for scripts."""

from __future__ import annotations

import io
import json
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType

from rich.console import Console

from strawberry_tasks.backends.redis_transport.letters import QueueDepth
from strawberry_tasks.cli.overview import Overview, duration, rendered
from strawberry_tasks.cli.queues import QueueState
from strawberry_tasks.cli.top import view
from strawberry_tasks.snapshot import Snapshot
from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.workers import WorkerInfo
from tests.apps.scenarios import Gate
from tests.integration.cli.conftest import Invoke, MakeWorker
from tests.processes import wait_until

NOW = datetime(2026, 5, 17, 12, 0, 0, tzinfo=UTC)


def test_inspect_tells_of_queues_workers_and_what_runs(
    app: ModuleType, make_worker: MakeWorker, invoke: Invoke, gate: Gate
) -> None:
    """As JSON: the depth of each queue and who consumes it, the workers, and each run with its progress."""
    app.work.enqueue(seconds=0)
    with make_worker("--queue", "urgent", "--queue", app.tasks.config.namespace, "--threads", "3"):
        handle = app.wait.enqueue(gate=gate.path)
        wait_until(lambda: json.loads(invoke("inspect", "--json").stdout)["running"], "it is seen running")
        wait_until(lambda: handle.refresh().progress == 50, "it has told its progress")

        seen = json.loads(invoke("inspect", "--json").stdout)

        (worker,), (run,) = seen["workers"], seen["running"]
        queues = {queue["name"]: queue for queue in seen["queues"]}
        assert (run["id"], run["name"], run["progress"]) == (handle.id, "wait", 50)
        assert worker["runs"] == [handle.id]
        assert worker["threads"] == 3
        assert worker["host"] == os.uname().nodename
        assert str(worker["pid"]) == run["message"]
        assert worker["queues"] == sorted(["urgent", app.tasks.config.namespace])
        assert (queues["bulk"]["ready"], queues["bulk"]["workers"]) == (1, 0)
        assert (queues[run["queue"]]["inFlight"], queues[run["queue"]]["workers"]) == (1, 1)
        text = invoke("inspect").stdout
        assert handle.id in text
        assert "none" in text


def test_a_killed_worker_is_forgotten_with_its_lease(app: ModuleType, make_worker: MakeWorker) -> None:
    """Not before that: it may be the server that cannot be reached."""
    with make_worker():
        wait_until(app.tasks.workers, "it is there")
        (pid,) = [worker.pid for worker in app.tasks.workers()]
        os.kill(pid, signal.SIGKILL)

        assert [worker.pid for worker in app.tasks.workers()] == [pid]
        wait_until(lambda: not app.tasks.workers(), "it is forgotten")


def overview(runs: int) -> Overview:
    return Overview(
        queues=[
            QueueState(name="bulk", depth=QueueDepth(10_000, 2, 8, 1), workers=1),
            QueueState(name="urgent", depth=None, workers=0),
        ],
        workers=[
            WorkerInfo(
                id="w",
                host="box",
                pid=4711,
                queues=["bulk"],
                threads=8,
                started_at=NOW - timedelta(hours=2),
                runs=["r0"],
            )
        ],
        running=[
            Snapshot(
                id=f"00000000-0000-4000-8000-{number:012}",
                name="report",
                queue="bulk",
                status=TaskStatus.RUNNING,
                progress=50,
                progress_message="half",
                started_at=NOW - timedelta(seconds=72),
            )
            for number in range(runs)
        ],
        moment=NOW,
    )


def shown(overview: Overview, height: int) -> list[str]:
    console = Console(width=100, height=height, file=io.StringIO(), color_system=None)
    console.print(view(overview, now=NOW, height=height))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_top_shows_all_of_it_in_one_screen() -> None:
    """Queues, workers, and what runs, in columns."""
    lines = shown(overview(1), height=24)

    assert lines[0] == "strawberry-tasks  12:00:00  1 workers, 1 running"
    words = [line.split() for line in lines]
    assert ["bulk", "10000", "2", "8", "1", "1"] in words
    assert ["urgent", "?", "?", "?", "?", "none"] in words
    assert ["box", "bulk", "4711", "8", "1", "2h00m"] in words
    (run,) = [line for line in words if line and line[0] == "report"]
    assert run[1:3] == ["00000000-0000-4000-8000-000000000000", "half"]
    assert run[-2:] == ["50", "1m12s"]


def test_top_counts_the_runs_that_find_no_place() -> None:
    """It never has more lines than the terminal."""
    lines = shown(overview(100), height=20)

    assert len(lines) <= 20
    assert sum(line.startswith("report") for line in lines) == 9
    assert lines[-1] == "… and 91 more"


def test_durations_are_short() -> None:
    """Two units at the most."""
    assert [duration(seconds) for seconds in (-1, 7, 192, 7500, 356_400)] == ["0s", "7s", "3m12s", "2h05m", "4d03h"]


def test_what_a_task_says_is_shown_and_not_obeyed() -> None:
    """Words that look like markup, or would move a terminal's cursor, are text like any other."""
    said = "[red]50[/] \x1b[2J [/nothing]\r\nshelves"
    seen = replace(overview(1), running=[replace(overview(1).running[0], progress_message=said)])
    console = Console(file=io.StringIO(), width=160)

    console.print(rendered(seen))

    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[red]50[/]  [2J [/nothing]  shelves" in text
    assert "\x1b" not in text
