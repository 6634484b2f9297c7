"""The `Tasks` of a Django project, made of its settings at first use."""

from __future__ import annotations

from typing import cast

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string

from ..app import Tasks
from ..errors import ConfigurationError
from .conf import SETTING, DjangoSettings


def _make() -> Tasks:
    try:
        # By its path, since Django imports this package before there may be models.
        make_tasks = import_string("strawberry_tasks.django.project.make_tasks")
        return cast("Tasks", make_tasks(DjangoSettings.load()))
    except ConfigurationError as error:
        raise ImproperlyConfigured(f"{SETTING}: {error}") from error


default_tasks = cast("Tasks", SimpleLazyObject(_make))
"""The project's `Tasks`; pass ``default_tasks.extension`` to the schema."""
