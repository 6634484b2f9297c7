"""Follows a run to its end, in a terminal or for a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ..handle import Handle
from ..snapshot import Snapshot
from ..status import TaskStatus
from .exit_codes import ExitCode
from .output import OUTCOMES, CommandError, print_json, printable, run_data

Show = Callable[[Snapshot], None]
ReadResult = Callable[[str], str | None]


def follow(handle: Handle[Any], read_result: ReadResult, *, as_json: bool) -> int:
    """Show each state of a run, then what it has come to; return the exit code for that.

    Args:
        handle: The run.
        read_result: Reads a run's result, as `Runtime.read_result` does.
        as_json: Whether to print each state as a line of JSON. Else the states go to stderr, and the result to stdout.

    Raises:
        CommandError: If it was interrupted; the run goes on.
    """
    with _lines(read_result) if as_json else _bar(handle) as show:
        try:
            run = asyncio.run(_watch(handle.updates(), show))
        except KeyboardInterrupt as interrupt:
            raise CommandError(f"The run {handle.id} goes on.", ExitCode.INTERRUPTED) from interrupt
    if not as_json:
        _tell(run, read_result)
    return OUTCOMES[run.status]


async def _watch(states: AsyncGenerator[Snapshot, None], show: Show) -> Snapshot:
    run: Snapshot | None = None
    async for run in states:
        show(run)
    if run is None:
        raise AssertionError("a stream has a state at least")
    return run


@contextmanager
def _lines(read_result: ReadResult) -> Iterator[Show]:
    yield lambda run: print_json(run_data(run, read_result))


@contextmanager
def _bar(handle: Handle[Any]) -> Iterator[Show]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda run: click.echo(
            f"{run.status} {run.progress:.0f} % {printable(run.progress_message or '')}".rstrip(), err=True
        )
        return
    columns = TextColumn("{task.fields[status]}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(*columns, TextColumn("{task.description}", markup=False), console=console) as progress:
        bar = progress.add_task("", total=100, status=handle.started.status)
        yield lambda run: progress.update(
            bar, completed=run.progress, description=printable(run.progress_message or ""), status=run.status
        )


def _tell(run: Snapshot, read_result: ReadResult) -> None:
    if run.status is TaskStatus.COMPLETED:
        click.echo(json.dumps(json.loads(read_result(run.id) or "null"), ensure_ascii=False))
    elif run.failure is not None:
        click.echo(printable(f"{run.failure.message} ({run.failure.code})"), err=True)
