"""``dead``: the messages that were given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from ..app import Tasks
from ..backends.redis_transport import DeadLetter, DeadReason
from ..errors import TaskNotFoundError, TaskNotRetryableError, TaskUnreadableError
from .apps import App, app_argument
from .exit_codes import ExitCode
from .output import CommandError, cell, json_option, print_json
from .queues import transport_of

MOST = 10_000
"""How many dead letters of a queue a command looks at."""

queue_option: Callable[[Any], Any] = click.option(
    "--queue",
    "-q",
    "queues",
    multiple=True,
    metavar="NAME",
    help="Look at this queue alone; may be given several times.",
)


@click.group()
def dead() -> None:
    """Look at messages that were given up, start them again, or delete them."""


@dead.command("list")
@app_argument
@queue_option
@json_option
def list_letters(app: App, *, queues: Sequence[str], as_json: bool) -> None:
    """Show the dead letters, the latest first."""
    letters = list(_letters(app.tasks, queues))
    if as_json:
        print_json([_data(queue, letter) for queue, letter in letters])
        return
    # An id is to be copied.
    task_id = Column("id", no_wrap=True, min_width=36)
    table = Table("queue", task_id, "task", "reason", "since", box=None, pad_edge=False, header_style="dim")
    for queue, letter in letters:
        since = "" if letter.buried_at is None else f"{letter.buried_at.astimezone():%Y-%m-%d %H:%M:%S}"
        words = (cell(text) for text in (queue, letter.message_id, _actor(letter) or "?"))
        table.add_row(*words, letter.reason, since)
    Console().print(table)


@dead.command("retry")
@app_argument
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@queue_option
@json_option
def retry_letters(app: App, *, ids: Sequence[str], everything: bool, queues: Sequence[str], as_json: bool) -> None:
    """Start the runs of dead letters again, as new runs; put messages back that are no run's."""
    retried: dict[str, str] = {}
    refused: dict[str, str] = {}
    for queue, letter in _chosen(app.tasks, ids, queues, everything=everything):
        try:
            retried[letter.message_id] = _retry(app.tasks, queue, letter)
        except TaskNotRetryableError as error:
            refused[letter.message_id] = str(error)
    if as_json:
        print_json({"retried": retried, "refused": refused})
    else:
        for before, now in retried.items():
            click.echo(f"{before} → {now}")
        for before, why in refused.items():
            click.echo(f"{before}: {why}", err=True)
    if refused:
        raise CommandError(f"{len(refused)} could not be started again.", ExitCode.REFUSED)


@dead.command("purge")
@app_argument
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@queue_option
@json_option
def purge_letters(app: App, *, ids: Sequence[str], everything: bool, queues: Sequence[str], as_json: bool) -> None:
    """Delete dead letters; the records of their runs stay."""
    transport = transport_of(app.tasks)
    chosen = _chosen(app.tasks, ids, queues, everything=everything)
    count = sum(transport.dead.purge(queue, [letter]) for queue, letter in chosen)
    if as_json:
        print_json({"purged": count})
    else:
        click.echo(f"Deleted {count}.")


def _retry(tasks: Tasks, queue: str, letter: DeadLetter) -> str:
    """Start the run of a letter again, or put back its message; return the id of what comes."""
    transport = transport_of(tasks)
    try:
        started = tasks.handle(letter.message_id).retry()
    except TaskUnreadableError as error:
        raise TaskNotRetryableError(
            "the record of its run cannot be read. See `strawberry-tasks unreadable`."
        ) from error
    except TaskNotRetryableError:
        # The run goes on where its message stopped, now that its record can be read.
        if letter.reason is not DeadReason.UNREADABLE or not transport.dead.retry(queue, [letter]):
            raise
        return letter.message_id
    except TaskNotFoundError:
        if _actor(letter) in tasks.registry.tasks or not transport.dead.retry(queue, [letter]):
            raise TaskNotRetryableError("its run has expired, or its message cannot be read.") from None
        return letter.message_id
    transport.dead.purge(queue, [letter])
    return started.id


def _chosen(
    tasks: Tasks, ids: Sequence[str], queues: Sequence[str], *, everything: bool
) -> list[tuple[str, DeadLetter]]:
    if bool(ids) == everything:
        raise click.UsageError("expected the ids of dead letters, or --all.")
    letters = list(_letters(tasks, queues))
    if everything:
        return letters
    chosen = [(queue, letter) for queue, letter in letters if letter.message_id in ids]
    if missing := sorted(set(ids) - {letter.message_id for _, letter in chosen}):
        raise CommandError(f"there is no dead letter {', '.join(missing)}.", ExitCode.REFUSED)
    return chosen


def _letters(tasks: Tasks, queues: Sequence[str]) -> Iterator[tuple[str, DeadLetter]]:
    transport = transport_of(tasks)
    for queue in queues or sorted(tasks.queues()):
        for letter in transport.dead.read(queue, first=MOST):
            yield queue, letter


def _actor(letter: DeadLetter) -> str | None:
    return None if letter.message is None else letter.message.actor_name


def _data(queue: str, letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.message_id,
        "queue": queue,
        "task": _actor(letter),
        "reason": str(letter.reason),
        "buriedAt": None if letter.buried_at is None else letter.buried_at.isoformat(),
        "traceback": letter.traceback,
    }
