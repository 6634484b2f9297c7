"""``inspect``: the queues, the workers, and what runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import click
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from ..app import Tasks
from ..snapshot import Snapshot
from ..status import TaskStatus
from ..stores.records import legible
from ..stores.workers import WorkerInfo
from .apps import App, app_argument
from .output import cell, json_option, print_json, run_data
from .queues import QueueState, queue_states


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What there is at one moment."""

    queues: Sequence[QueueState]
    """By name."""

    workers: Sequence[WorkerInfo]
    """In the order of their start."""

    running: Sequence[Snapshot]
    """The longest running first."""

    moment: datetime
    """When it was read, UTC."""


def read_overview(tasks: Tasks) -> Overview:
    """Read it.

    Raises:
        StoreUnavailableError: If the store does not answer.
        ConnectionClosed: If the queues do not answer.
    """
    workers = tasks.workers()
    ids = list(dict.fromkeys(run for worker in workers for run in worker.runs))
    runs = legible(tasks.runtime().store.read(ids)) if ids else []
    moment = datetime.now(UTC)
    running = [run for run in runs if run.status is TaskStatus.RUNNING]
    running.sort(key=lambda run: run.started_at or moment)
    return Overview(queues=queue_states(tasks, workers), workers=workers, running=running, moment=moment)


@click.command("inspect")
@app_argument
@json_option
def inspect_command(app: App, *, as_json: bool) -> None:
    """Show the queues, the workers and what they perform.

    Workers report what they perform every two seconds.
    """
    overview = read_overview(app.tasks)
    if as_json:
        print_json(overview_data(overview))
    else:
        Console().print(rendered(overview))


def overview_data(overview: Overview) -> dict[str, object]:
    """Return what scripts are told."""
    return {
        "queues": [queue.data() for queue in overview.queues],
        "workers": [
            {
                "id": worker.id,
                "host": worker.host,
                "pid": worker.pid,
                "queues": list(worker.queues),
                "threads": worker.threads,
                "startedAt": worker.started_at.isoformat(),
                "runs": list(worker.runs),
            }
            for worker in overview.workers
        ],
        "running": [run_data(run, lambda _: None) for run in overview.running],
    }


def rendered(overview: Overview, *, rows: int | None = None) -> RenderableType:
    """Return it as tables.

    Args:
        overview: What to show.
        rows: How many running runs to show at the most; ``None`` shows all.
    """
    return Group(_queues(overview), _workers(overview), _running(overview, rows))


def _queues(overview: Overview) -> Table:
    table = _table("Queues", "queue", right=("ready", "delayed", "in flight", "dead", "workers"))
    for queue in overview.queues:
        counts = ["?"] * 4 if queue.depth is None else [str(count) for count in queue.depth]
        table.add_row(cell(queue.name), *counts, str(queue.workers) if queue.workers else "[bold red]none[/]")
    return table


def _workers(overview: Overview) -> Table:
    table = _table("Workers", "host", "queues", right=("pid", "threads", "running", "up"))
    for worker in overview.workers:
        up = duration((overview.moment - worker.started_at).total_seconds())
        counts = str(worker.pid), str(worker.threads), str(len(worker.runs)), up
        table.add_row(cell(worker.host), cell(", ".join(worker.queues)), *counts)
    return table


def _running(overview: Overview, rows: int | None) -> Table:
    table = _table("Running", "task", "id", "message", "progress", right=("%", "age"))
    for run in overview.running[:rows]:
        age = duration((overview.moment - (run.started_at or overview.moment)).total_seconds())
        bar = ProgressBar(total=100, completed=run.progress, width=12)
        words = (cell(text) for text in (run.name, run.id, run.progress_message or ""))
        table.add_row(*words, bar, f"{run.progress:.0f}", age)
    return table


def _table(title: str, *left: str, right: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for name in left:
        # An id is to be copied.
        table.add_column(name, no_wrap=True, min_width=36 if name == "id" else None, overflow="ellipsis")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def duration(seconds: float) -> str:
    """Return a duration for a column: ``7s``, ``3m12s``, ``2h05m``, ``4d03h``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"
