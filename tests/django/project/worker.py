"""What a worker process imports."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django.project.settings")
django.setup()

from strawberry_tasks.django import default_tasks  # noqa: E402 - wants Django set up

broker = default_tasks.broker
