"""What ``dramatiq`` loads to perform the scenarios."""

from __future__ import annotations

from tests.apps.scenarios import Scenarios
from tests.apps.settings import Settings

scenarios = Scenarios(Settings.from_environment().make_tasks())
tasks = scenarios.tasks
