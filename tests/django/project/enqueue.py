"""Enqueues a task of the framework and writes how it ended: ``python -m tests.django.project.enqueue echo '[1]'``."""

import json
import sys
import time

import tests.django.project.worker  # noqa: F401 - sets Django up
from tests.django.project import tasks

result = getattr(tasks, sys.argv[1]).enqueue(*json.loads(sys.argv[2]))
deadline = time.monotonic() + 20
while not result.is_finished and time.monotonic() < deadline:
    time.sleep(0.02)
    result.refresh()
value = result.return_value if result.status == "SUCCESSFUL" else None
json.dump({"status": result.status, "value": value, "attempts": result.attempts}, sys.stdout)
