"""The test project, whose runs are carried by backends of Django's tasks framework."""

import os
from importlib.util import find_spec

from tests.django.project.settings import *  # noqa: F403 - all but what follows
from tests.django.project.settings import INSTALLED_APPS as MORE

try:
    import django.tasks

    IMMEDIATE = f"{django.tasks.__name__}.backends.immediate.ImmediateBackend"
except ImportError:
    IMMEDIATE = "django_tasks.backends.immediate.ImmediateBackend"

INSTALLED_APPS = [*(name for name in MORE if name != "tests.django.project"), "tests.django.carried"]
TASKS = {
    "default": {"BACKEND": IMMEDIATE},
    "ours": {"BACKEND": "strawberry_tasks.django.tasks.DramatiqBackend"},
}
if find_spec("django_tasks_db"):
    INSTALLED_APPS.append("django_tasks_db")
    TASKS["database"] = {"BACKEND": "django_tasks_db.DatabaseBackend"}
if find_spec("django_tasks_rq"):
    INSTALLED_APPS.append("django_rq")
    TASKS["rq"] = {"BACKEND": "django_tasks_rq.RQBackend"}
RQ_QUEUES = {"default": {"URL": os.environ.get("TEST_TASKS_URL", ""), "DEFAULT_TIMEOUT": 3600}}
