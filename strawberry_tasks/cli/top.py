"""``top``: the same as ``inspect``, live."""

from __future__ import annotations

import time
from datetime import datetime

import click
from dramatiq.errors import ConnectionClosed
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ..app import Tasks
from ..errors import StoreUnavailableError
from .apps import App, app_argument
from .overview import Overview, read_overview, rendered


@click.command()
@app_argument
@click.option("--interval", type=click.FloatRange(0.1), default=1.0, metavar="SECONDS", help="How often it looks anew.")
def top(app: App, *, interval: float) -> None:
    """Watch the queues, the workers and what they perform. Ctrl-C ends it."""
    console = Console()
    try:
        with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
            while True:
                live.update(_look(app.tasks, console), refresh=True)
                time.sleep(interval)
    except KeyboardInterrupt:
        return


def view(overview: Overview, *, now: datetime, height: int) -> RenderableType:
    """Return what the terminal shows.

    Args:
        overview: What was read.
        now: The time to show, local.
        height: How many lines there are; runs that find no place are counted.
    """
    # Three titles and headers, the line on top, and maybe one at the end.
    room = max(1, height - len(overview.queues) - len(overview.workers) - 8)
    hidden = len(overview.running) - room
    head = Text(f"strawberry-tasks  {now:%H:%M:%S}  ", style="bold").append(
        f"{len(overview.workers)} workers, {len(overview.running)} running", style="not bold"
    )
    tail = [Text(f"… and {hidden} more", style="dim")] if hidden > 0 else []
    return Group(head, rendered(overview, rows=room), *tail)


def _look(tasks: Tasks, console: Console) -> RenderableType:
    try:
        overview = read_overview(tasks)
    except (StoreUnavailableError, ConnectionClosed) as error:
        return Text(f"{error}", style="bold red")
    return view(overview, now=datetime.now().astimezone(), height=console.height)
