"""What ``dramatiq`` loads for a chaos run."""

from __future__ import annotations

from tests.apps.settings import Settings
from tests.faults.chaos.tasks import make_tasks

tasks = make_tasks(Settings.from_environment()).tasks
