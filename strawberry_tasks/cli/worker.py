"""``worker``: Dramatiq's worker processes, with our defaults."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Final

import click
from dramatiq.cli import main as run_dramatiq
from dramatiq.cli import make_argument_parser

from ..app import Tasks
from ..backends.redis_transport import RedisTransport
from ..config import check_queue
from ..errors import ConfigurationError
from .apps import App, app_argument
from .reachable import wait_for, wait_option
from .worker_process import WorkerPlan

MAX_WEIGHT: Final = 1000
"""The largest weight of a queue."""


def _read_weights(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, int]:
    """Turn ``urgent:3`` into a queue's name and its weight."""
    weights = {}
    for value in values:
        queue, _, weight = value.partition(":")
        try:
            check_queue("the name", queue)
        except ConfigurationError as error:
            raise click.BadParameter(str(error), context, parameter) from error
        if weight and not (weight.isascii() and weight.isdigit() and 0 < int(weight) <= MAX_WEIGHT):
            raise click.BadParameter(
                f"expected a weight from 1 to {MAX_WEIGHT} after the colon, got {weight!r}.", context, parameter
            )
        weights[queue] = int(weight or 1)
    return weights


@click.command()
@app_argument
@click.option(
    "--queue",
    "-q",
    "weights",
    callback=_read_weights,
    multiple=True,
    metavar="NAME[:WEIGHT]",
    help="Consume this queue; may be given several times. Of queues that wait, one of weight 3 gets three turns to each turn of "
    "one of weight 1, which is the default. Without --queue, all queues of the tasks.",
)
@click.option("--processes", "-p", type=click.IntRange(1), default=os.cpu_count() or 1, help="How many processes.")
@click.option("--threads", "-t", type=click.IntRange(1), default=8, help="How many sync runs each performs at a time.")
@click.option(
    "--concurrency",
    "-c",
    type=click.IntRange(1),
    show_default="Tasks(async_concurrency=…)",
    help="How many async runs each process has in flight at a time.",
)
@click.option(
    "--stop-timeout",
    type=click.FloatRange(0),
    default=600.0,
    metavar="SECONDS",
    help="How long running tasks may go on after SIGTERM; then their runs are given back.",
)
@wait_option
@click.option(
    "--watch",
    type=click.Path(exists=True, file_okay=False, resolve_path=True),
    metavar="DIRECTORY",
    help="Restart when a Python file in it changes; for development, needs dramatiq[watch].",
)
@click.option("--with-scheduler", is_flag=True, help="Also start periodic tasks when they are due.")
@click.option("--verbose", "-v", is_flag=True, help="Log what Dramatiq does in detail.")
def worker(
    app: App,
    *,
    weights: Mapping[str, int],
    processes: int,
    threads: int,
    concurrency: int | None,
    stop_timeout: float,
    wait: float,
    watch: str | None,
    with_scheduler: bool,
    verbose: bool,
) -> None:
    """Perform runs of APP's tasks, in Dramatiq's worker processes.

    SIGTERM ends it in good order, SIGHUP starts it anew.
    """
    if not isinstance(app.tasks.broker, RedisTransport) and any(weight > 1 for weight in weights.values()):
        raise click.UsageError("--queue: expected no weights, since queues take turns over the Redis transport alone.")
    _check_queues(app.tasks, weights)
    wait_for(app.tasks, timedelta(seconds=wait))
    app.tasks.close()
    WorkerPlan(app=app.path, weights=weights, concurrency=concurrency, schedules=with_scheduler).hand_over(os.environ)
    words = [WorkerPlan.ENTRY, "--processes", str(processes), "--threads", str(threads)]
    words += ["--worker-shutdown-timeout", str(round(stop_timeout * 1000))]
    words += ["--queues", *weights] if weights else []
    # Dramatiq's own pattern, "**.py", matches no absolute path since watchdog 7.
    words += ["--watch", watch, "--watch-include", "**/*.py"] if watch else []
    words += ["--verbose"] if verbose else []
    # What Dramatiq executes to start anew.
    sys.argv = [sys.executable, *sys.orig_argv[1:]]
    sys.exit(run_dramatiq(make_argument_parser().parse_args(words)))  # type: ignore[no-untyped-call]


def _check_queues(tasks: Tasks, weights: Mapping[str, int]) -> None:
    known = sorted(tasks.queues())
    for queue in weights:
        if queue not in known:
            near = get_close_matches(queue, known)
            hint = f"Did you mean {near[0]!r}?" if near else "Tasks(queues=[…]) names queues that no task has."
            raise click.UsageError(f"--queue: expected one of {', '.join(known)}, got {queue!r}. {hint}")
