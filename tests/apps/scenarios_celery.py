"""What ``celery`` loads to perform the tasks of the test applications."""

from __future__ import annotations

from tests.apps.scenarios import Scenarios
from tests.apps.settings import Settings

settings = Settings.from_environment()
app = settings.make_celery()
tasks = settings.make_tasks(app)
scenarios = Scenarios(tasks)
