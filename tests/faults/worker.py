"""What ``dramatiq`` loads to perform the tasks that faults strike."""

from __future__ import annotations

from tests.apps.settings import Settings
from tests.faults.tasks import make_tasks

tasks = make_tasks(Settings.from_environment()).tasks
broker = tasks.broker
