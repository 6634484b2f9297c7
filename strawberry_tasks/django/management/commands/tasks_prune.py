"""``tasks_prune``: removes the rows of runs that ended long ago."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ....cli.exit_codes import ExitCode
from ...conf import SETTING, DjangoSettings
from ...rows import ENDED
from ...tending import prune
from ..logged import counted, database_wanted, logged_runs, read_age


class Command(BaseCommand):
    """Workers do the same by themselves; this is for other times, and for those who have set no ``RETENTION``."""

    help = "Removes the rows of runs that ended long ago from the database. Those that have not ended stay."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what is old."""
        parser.add_argument(
            "--older-than",
            metavar="AGE",
            help="How long ago they have to have ended, such as 12h, 30d or 8w. Default: RETENTION of the settings.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Count them, and remove nothing.")

    @database_wanted()
    def handle(self, *args: Any, **options: Any) -> None:
        """Remove them."""
        settings = DjangoSettings.load()
        rows = logged_runs(settings)
        age = settings.retention
        if options["older_than"]:
            try:
                age = read_age(options["older_than"])
            except ValueError as error:
                raise CommandError(f"--older-than: {error}", returncode=ExitCode.USAGE) from error
        if age is None:
            raise CommandError(
                f"{SETTING}['RETENTION'] keeps rows for ever: say --older-than.", returncode=ExitCode.USAGE
            )
        before = datetime.now(UTC) - age
        if options["dry_run"]:
            count = rows.filter(status__in=ENDED, completed_at__lt=before).count()
            self.stdout.write(f"Would remove {counted(count)} that ended before {before:%Y-%m-%d %H:%M} UTC.")
        else:
            self.stdout.write(f"Removed {counted(prune(rows, before))} that ended before {before:%Y-%m-%d %H:%M} UTC.")
