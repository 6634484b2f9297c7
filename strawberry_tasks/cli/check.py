"""``check``: whether tasks are set up as they should be, and whether they will be performed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import click

from ..app import Tasks
from ..backends.redis_transport import RedisTransport
from ..contrib.health import Health, look, needed_queues
from .apps import App, app_argument
from .exit_codes import ExitCode
from .output import json_option, print_json


class Level(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    WARNING = "warning"
    """Works, and may lose something one day."""

    ERROR = "error"
    """Does not work."""


class Finding(NamedTuple):
    """What was looked at, and what was found."""

    level: Level
    what: str
    text: str


@click.command()
@app_argument
@click.option(
    "--ready", is_flag=True, help="Only tell whether the store answers and each queue of the tasks has a worker."
)
@json_option
def check(app: App, *, ready: bool, as_json: bool) -> None:
    """Check the settings, the store, the queues, the workers and the tasks of APP."""
    health = look(app.tasks)
    findings = list(_readiness(app.tasks, health) if ready else _findings(app.tasks, health))
    if as_json:
        print_json({"ok": _code(health, findings) == 0, "findings": [finding._asdict() for finding in findings]})
    else:
        for level, what, text in findings:
            click.echo(f"{level:<8} {what}: {text}")
    sys.exit(_code(health, findings))


def _code(health: Health, findings: list[Finding]) -> int:
    if not health.is_live:
        return ExitCode.UNREACHABLE
    return ExitCode.FAILED if any(finding.level is Level.ERROR for finding in findings) else 0


def _findings(tasks: Tasks, health: Health) -> Iterator[Finding]:
    config = tasks.config
    lease = config.lease.total_seconds()
    yield Finding(Level.OK, "settings", f"namespace {config.namespace!r}, lease {lease:g} s")
    names = sorted(tasks.registry.tasks)
    yield Finding(Level.OK if names else Level.ERROR, "tasks", ", ".join(names) or "none is declared in these modules")
    yield from _readiness(tasks, health)
    if health.is_live and isinstance(tasks.broker, RedisTransport):
        losses = tasks.broker.losses()
        yield from (Finding(Level.WARNING, "durability", loss) for loss in losses)
        if not losses:
            yield Finding(Level.OK, "durability", "nothing is known that this server would lose")


def _readiness(tasks: Tasks, health: Health) -> Iterator[Finding]:
    if not health.is_live:
        yield Finding(Level.ERROR, "store", health.error or "it does not answer")
        return
    yield Finding(Level.OK, "store", "it answers")
    yield Finding(Level.OK if health.workers else Level.ERROR, "workers", f"{health.workers} there")
    for queue in sorted(needed_queues(tasks)):
        if queue in health.unattended:
            yield Finding(Level.ERROR, f"queue {queue}", "no worker consumes it; what is sent to it waits")
        else:
            yield Finding(Level.OK, f"queue {queue}", "it has a worker")
