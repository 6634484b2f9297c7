"""Five schedules that fire every second, and a process that is a scheduler for them: ``python -m tests.apps.ticking URL NAMESPACE``."""

from __future__ import annotations

import sys
import threading
from datetime import timedelta

from strawberry_tasks import Tasks

NAMES = ("ant", "bee", "cat", "dog", "elk")


def nothing() -> None:
    """Do nothing."""


def ticking(url: str, namespace: str) -> Tasks:
    """Declare the schedules."""
    tasks = Tasks(url, namespace=namespace)
    for name in NAMES:
        tasks.periodic(every=timedelta(seconds=1), misfire="all", name=name)(nothing)
    return tasks


if __name__ == "__main__":
    ticking(*sys.argv[1:]).schedules.run(threading.Event())
