"""``unreadable``: the records that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
from rich.console import Console
from rich.table import Column, Table

from ..config import MAX_PAGE
from ..errors import TaskUnreadableError
from ..stores.base import Store
from .apps import App, app_argument
from .exit_codes import ExitCode
from .output import CommandError, cell, json_option, print_json

_SHOWN = 200
"""How many characters of a reason a table shows."""


@click.group()
def unreadable() -> None:
    """Look at runs whose records are damaged, or of another version, or delete them."""


@unreadable.command("list")
@app_argument
@json_option
def list_unreadable(app: App, *, as_json: bool) -> None:
    """Show the records that cannot be read, the latest first."""
    found = list(_unreadable(app.tasks.runtime().store))
    if as_json:
        print_json([{"id": error.run_id, "reason": error.reason} for error in found])
        return
    table = Table(Column("id", no_wrap=True, min_width=36), "reason", box=None, pad_edge=False, header_style="dim")
    for error in found:
        table.add_row(cell(error.run_id), cell(error.reason[:_SHOWN]))
    Console().print(table)


@unreadable.command("purge")
@app_argument
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@json_option
def purge_unreadable(app: App, *, ids: Sequence[str], everything: bool, as_json: bool) -> None:
    """Delete records that cannot be read, and what they hold; a record that can be read stays."""
    if bool(ids) == everything:
        raise click.UsageError("expected the ids of runs, or --all.")
    store = app.tasks.runtime().store
    chosen = [error.run_id for error in _unreadable(store)] if everything else list(ids)
    refused = [] if everything else _readable(store, chosen)
    purged = [run_id for run_id in chosen if run_id not in refused and store.forget(run_id)]
    if as_json:
        print_json({"purged": purged, "refused": refused})
    else:
        click.echo(f"Deleted {len(purged)}.")
    if refused:
        raise CommandError(f"not there, or readable: {', '.join(refused)}.", ExitCode.REFUSED)


def _readable(store: Store, run_ids: Sequence[str]) -> list[str]:
    readings = zip(run_ids, store.read(run_ids), strict=True)
    return [run_id for run_id, reading in readings if not isinstance(reading, TaskUnreadableError)]


def _unreadable(store: Store) -> Iterator[TaskUnreadableError]:
    cursor: str | None = None
    while True:
        page = store.list(owner=None, first=MAX_PAGE, after=cursor)
        yield from page.unreadable
        cursor = page.cursor
        if cursor is None:
            return
