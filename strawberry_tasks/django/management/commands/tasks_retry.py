"""``tasks_retry``: starts runs again, one or many."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from ....cli.exit_codes import ExitCode
from ....errors import QueueUnavailableError, StoreUnavailableError, TaskNotFoundError, TaskNotRetryableError
from ....status import TaskStatus
from ...conf import DjangoSettings
from ...default import default_tasks
from ...models import TaskExecution
from ..logged import counted, database_wanted, logged_runs, read_age

COLUMNS: Final = {"name": "name", "queue": "queue", "code": "failure_code"}
"""What the options narrow."""


class Command(BaseCommand):
    """Each becomes a new run with the same arguments and owner, that tells by ``retryOf`` what it repeats."""

    help = "Starts runs again that have FAILED or were CANCELED: those with these ids, or with --failed all that match."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say which."""
        parser.add_argument("ids", nargs="*", metavar="ID", help="A run's id.")
        parser.add_argument(
            "--failed", action="store_true", help="All runs that have FAILED, as the database knows them."
        )
        parser.add_argument("--name", help="With --failed: of this task alone.")
        parser.add_argument("--queue", help="With --failed: of this queue alone.")
        parser.add_argument("--code", help="With --failed: that failed with this code alone, such as WORKER_LOST.")
        parser.add_argument(
            "--since", metavar="AGE", help="With --failed: that ended no longer ago than this, such as 2h."
        )
        parser.add_argument("--dry-run", action="store_true", help="Name them, and start nothing.")

    @database_wanted()
    def handle(self, *args: Any, **options: Any) -> None:
        """Start them."""
        ids = self._wanted(options)
        if options["dry_run"]:
            for run_id in ids:
                self.stdout.write(run_id)
            self.stderr.write(f"Would start {counted(len(ids))} again.", self.style.SUCCESS)
            return
        started = sum(map(self._start, ids))
        if started < len(ids):
            left = len(ids) - started
            raise CommandError(
                f"{left} of {counted(len(ids))} could not be started again.", returncode=ExitCode.REFUSED
            )
        self.stderr.write(f"Started {counted(started)} again.", self.style.SUCCESS)

    def _start(self, run_id: str) -> bool:
        """Start one; tell whether it was."""
        try:
            self.stdout.write(f"{run_id} → {default_tasks.handle(run_id).retry().id}")
        except (TaskNotFoundError, TaskNotRetryableError) as error:
            self.stderr.write(f"{run_id}: {error}")
            return False
        except (QueueUnavailableError, StoreUnavailableError) as error:
            raise CommandError(
                f"{run_id}: {error} Those after it were not started.", returncode=ExitCode.UNREACHABLE
            ) from error
        return True

    def _wanted(self, options: dict[str, Any]) -> list[str]:
        if options["failed"]:
            if options["ids"]:
                raise CommandError("expected ids of runs, or --failed, not both.", returncode=ExitCode.USAGE)
            ids = list(_failed(options).order_by("created_at", "id").values_list("pk", flat=True))
            if not ids:
                _check_known("name", options["name"], default_tasks.registry.tasks)
                _check_known("queue", options["queue"], default_tasks.queues())
            return ids
        for option in (*COLUMNS, "since"):
            if options[option]:
                raise CommandError(f"--{option} goes with --failed.", returncode=ExitCode.USAGE)
        if not options["ids"]:
            raise CommandError("expected ids of runs, or --failed.", returncode=ExitCode.USAGE)
        return list(dict.fromkeys(options["ids"]))


def _failed(options: dict[str, Any]) -> QuerySet[TaskExecution]:
    """Return the runs that have failed and were not started again."""
    rows = logged_runs(DjangoSettings.load())
    again = rows.filter(retry_of__isnull=False).values("retry_of")
    wanted = {column: options[option] for option, column in COLUMNS.items() if options[option]}
    if options["since"]:
        try:
            wanted["completed_at__gte"] = datetime.now(UTC) - read_age(options["since"])
        except ValueError as error:
            raise CommandError(f"--since: {error}", returncode=ExitCode.USAGE) from error
    return rows.filter(status=TaskStatus.FAILED.value, **wanted).exclude(pk__in=again)


def _check_known(option: str, value: str | None, known: Iterable[str]) -> None:
    """Refuse what nothing was found by because there is no such thing."""
    known = sorted(known)
    if value and value not in known:
        near = get_close_matches(value, known)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise CommandError(
            f"--{option}: expected one of {', '.join(known)}, got {value!r}.{hint}", returncode=ExitCode.USAGE
        )
