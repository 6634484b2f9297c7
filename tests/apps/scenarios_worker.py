"""What ``dramatiq`` loads to perform the tasks of the test applications."""

from __future__ import annotations

from tests.apps.documents import Seeds
from tests.apps.scenarios import Scenarios
from tests.apps.settings import Settings

tasks = Settings.from_environment().make_tasks()
scenarios = Scenarios(tasks)
seeds = Seeds(tasks)
