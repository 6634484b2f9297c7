"""Five tasks that fire each second."""

from __future__ import annotations

from datetime import timedelta

from tests.apps.settings import Settings

tasks = Settings.from_environment().make_tasks()

NAMES = ("one", "two", "three", "four", "five")


def beat() -> None:
    """Do nothing."""


for name in NAMES:
    tasks.periodic(every=timedelta(seconds=1), name=name)(beat)
