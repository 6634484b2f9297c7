"""``scheduler`` and ``schedules``: what is started again and again."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import timedelta

import click
from rich.console import Console
from rich.table import Table

from ..scheduler import ScheduleView
from .apps import App, app_argument
from .output import cell, json_option, print_json, run_data
from .reachable import wait_for, wait_option


@click.command()
@app_argument
@wait_option
def scheduler(app: App, *, wait: float) -> None:
    """Start APP's periodic tasks when they are due.

    Any number may run: each fire is made once. SIGTERM ends it.
    """
    logging.basicConfig(level=logging.INFO, format="[%(asctime)s] [%(levelname)s] %(message)s")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    wait_for(app.tasks, timedelta(seconds=wait))
    names = ", ".join(sorted(app.tasks.schedules.all())) or "none yet"
    click.echo(f"Scheduling {app.path}: {names}.", err=True)
    app.tasks.schedules.run(stopped)
    app.tasks.close()


@click.group()
def schedules() -> None:
    """Look at periodic tasks, pause them, or start one now."""


@schedules.command("list")
@app_argument
@json_option
def list_schedules(app: App, *, as_json: bool) -> None:
    """Show the schedules, and when each fires next."""
    views = app.tasks.schedules.views()
    if as_json:
        print_json([_data(view) for view in views])
        return
    table = Table("name", "timing", "last fire", "next fire", "", box=None, pad_edge=False, header_style="dim")
    for view in views:
        coming = "" if view.next_fire is None else f"{view.next_fire.astimezone():%Y-%m-%d %H:%M:%S}"
        state = "paused" if view.is_paused else view.error or ""
        table.add_row(
            cell(view.schedule.name),
            cell(view.schedule.timing),
            f"{view.last_fire.astimezone():%Y-%m-%d %H:%M:%S}",
            coming,
            cell(state),
        )
    Console().print(table)


@schedules.command()
@app_argument
@click.argument("name")
def pause(app: App, name: str) -> None:
    """Keep NAME from firing; what it misses is not made up for."""
    app.tasks.schedules.pause(name)


@schedules.command()
@app_argument
@click.argument("name")
def resume(app: App, name: str) -> None:
    """Let NAME fire again."""
    app.tasks.schedules.resume(name)


@schedules.command()
@app_argument
@click.argument("name")
@json_option
def fire(app: App, name: str, *, as_json: bool) -> None:
    """Start a run of NAME now."""
    handle = app.tasks.schedules.fire(name)
    if as_json:
        print_json(run_data(handle.started, app.tasks.runtime().read_result))
    else:
        click.echo(handle.id)


def _data(view: ScheduleView) -> dict[str, object]:
    return {
        "name": view.schedule.name,
        "task": view.schedule.task,
        "timing": view.schedule.timing,
        "lastFireAt": view.last_fire.isoformat(),
        "nextFireAt": None if view.next_fire is None else view.next_fire.isoformat(),
        "lastRun": view.last_run,
        "isPaused": view.is_paused,
        "error": view.error,
    }
