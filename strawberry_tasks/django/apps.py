"""The Django app."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig, apps
from django.utils.module_loading import import_string, module_has_submodule


class StrawberryTasksConfig(AppConfig):
    """Finds the ``tasks`` module of every installed app, so that web processes and workers know the same tasks."""

    name = "strawberry_tasks.django"
    label = "strawberry_tasks"
    verbose_name = "Tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import the modules, but for the one of this app, which is Django's tasks framework's."""
        for app in apps.get_app_configs():
            if app is not self and app.module is not None and module_has_submodule(app.module, "tasks"):
                import_module(f"{app.name}.tasks")
        # What is checked are models, which are there only now.
        import_string("strawberry_tasks.django.checks.register_checks")()
