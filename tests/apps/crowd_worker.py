"""What ``dramatiq`` loads to perform many async tasks at a time."""

from __future__ import annotations

import os
from dataclasses import replace

from tests.apps.crowd import Crowd
from tests.apps.settings import Settings

options = {"async_concurrency": int(os.environ["TEST_TASKS_CONCURRENCY"])}
tasks = replace(Settings.from_environment(), options=options).make_tasks()
crowd = Crowd(tasks)
