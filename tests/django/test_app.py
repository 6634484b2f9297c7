"""The Django app: it finds the tasks, and its table is up to date."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from strawberry_tasks.django import default_tasks


def test_the_tasks_of_every_app_are_found() -> None:
    """An app's `tasks` module is imported without anybody naming it."""
    assert default_tasks.find("add").name == "add"


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    """What the models say is in the migrations."""
    call_command("makemigrations", "strawberry_tasks", check=True, dry_run=True, verbosity=0)
