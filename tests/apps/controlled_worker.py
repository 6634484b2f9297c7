"""What ``dramatiq`` loads to perform the tasks that run until they are told to stop."""

from __future__ import annotations

from tests.apps.controlled import Controlled
from tests.apps.settings import Settings

tasks = Settings.from_environment().make_tasks()
controlled = Controlled(tasks)
