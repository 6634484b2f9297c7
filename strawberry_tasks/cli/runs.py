"""``enqueue``, ``cancel`` and ``retry``: one run at a time."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import click

from ..app import Tasks
from ..errors import TaskError, ValueEncodingError
from ..handle import Handle
from ..snapshot import JSON
from ..status import TaskStatus
from ..task import Task
from .apps import App, app_argument
from .exit_codes import ExitCode
from .follow import follow
from .output import CommandError, json_option, print_json, run_data

follow_option = click.option(
    "--follow", "-f", is_flag=True, help="Wait for the end, with a progress bar; the exit code tells the outcome."
)


@click.command()
@app_argument
@click.argument("name")
@click.option(
    "--arg",
    "-a",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="An argument: text where the parameter takes text, else JSON. May be given several times.",
)
@click.option("--json-args", default="{}", show_default=False, metavar="JSON", help="Arguments as one JSON object.")
@follow_option
@json_option
def enqueue(app: App, *, name: str, pairs: Sequence[str], json_args: str, follow: bool, as_json: bool) -> None:
    """Start a run of the task NAME, owned by nobody, and print its id."""
    task = _find(app.tasks, name)
    arguments = {**_from_json(task, json_args), **_from_pairs(task, pairs)}
    _started(app.tasks, task.enqueue(**arguments), follows=follow, as_json=as_json)


@click.command()
@app_argument
@click.argument("run_id", metavar="ID")
@json_option
def cancel(app: App, *, run_id: str, as_json: bool) -> None:
    """Ask a run to stop; harmless when it was asked before."""
    run = app.tasks.handle(run_id).cancel()
    if as_json:
        print_json(run_data(run, app.tasks.runtime().read_result))
    elif run.status is TaskStatus.CANCELED:
        click.echo(f"{run.name} {run.id} is CANCELED.")
    elif not run.is_terminal:
        click.echo(f"{run.name} {run.id} is told to stop.")
    if run.is_terminal and run.status is not TaskStatus.CANCELED:
        raise CommandError(f"{run.name} {run.id} has ended before, as {run.status}.", ExitCode.REFUSED)


@click.command()
@app_argument
@click.argument("run_id", metavar="ID")
@follow_option
@json_option
def retry(app: App, *, run_id: str, follow: bool, as_json: bool) -> None:
    """Start a run again that has FAILED or was CANCELED, as a new run, and print its id."""
    _started(app.tasks, app.tasks.handle(run_id).retry(), follows=follow, as_json=as_json)


def _started(tasks: Tasks, handle: Handle[Any], *, follows: bool, as_json: bool) -> None:
    if follows:
        sys.exit(follow(handle, tasks.runtime().read_result, as_json=as_json))
    if as_json:
        print_json(run_data(handle.started, tasks.runtime().read_result))
    else:
        click.echo(handle.id)


def _find(tasks: Tasks, name: str) -> Task[..., Any]:
    try:
        return tasks.find(name)
    except KeyError as error:
        known = sorted(tasks.registry.tasks)
        near = get_close_matches(name, known)
        hint = f"Did you mean {near[0]!r}?" if near else f"There is {', '.join(known) or 'none'}."
        raise CommandError(f"there is no task named {name!r}. {hint}", ExitCode.REFUSED) from error


def _from_json(task: Task[..., Any], text: str) -> dict[str, object]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"expected JSON: {error}.", param_hint="--json-args") from error
    if not isinstance(values, dict):
        raise click.BadParameter(f"expected a JSON object of arguments, got {text}.", param_hint="--json-args")
    return {name: _loaded(task, name, [value], hint="--json-args") for name, value in values.items()}


def _from_pairs(task: Task[..., Any], pairs: Sequence[str]) -> dict[str, object]:
    arguments = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator:
            raise click.BadParameter(f"expected NAME=VALUE, got {pair!r}.", param_hint="--arg")
        readings: list[JSON] = [text]
        with contextlib.suppress(ValueError):  # It may be text.
            readings.append(json.loads(text))
        arguments[name] = _loaded(task, name, readings, hint="--arg")
    return arguments


def _loaded(task: Task[..., Any], name: str, readings: Sequence[JSON], *, hint: str) -> object:
    """Return the first reading of a value that the parameter takes."""
    parameter = task.declaration.parameters.get(name)
    if parameter is None:
        known = ", ".join(task.declaration.parameters) or "none"
        raise click.BadParameter(f"the task {task.name!r} has no parameter {name!r}; it has {known}.", param_hint=hint)
    refusal: Exception | None = None
    for reading in readings:
        try:
            return parameter.codec.load(reading)
        except (ValueEncodingError, TaskError) as error:
            refusal = error
    raise click.BadParameter(f"{refusal}", param_hint=hint)
