"""What a worker process imports: ``dramatiq sample_app.worker``."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sample_app.settings")
django.setup()

from sample_app.shop.database import CloseConnections  # noqa: E402 - models want Django set up
from sample_app.shop.tasks import tasks  # noqa: E402

tasks.broker.add_middleware(CloseConnections())
