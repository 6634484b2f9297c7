"""The decorators of a Django project, bound to its settings; a number is as good as a duration, in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import TaskSettings
from ..decorator import MutationDecorator, TaskDecorator
from .conf import from_seconds
from .default import default_tasks

DURATIONS = frozenset(
    {"retry_delay", "max_retry_delay", "expires", "timeout", "hard_timeout", "cancel_grace", "every", "jitter"}
)


def task(bare: None = None, /, *, name: str | None = None, **settings: Any) -> TaskDecorator:
    """Declare a task that Python code starts: `Tasks.task`.

    Args:
        bare: Nothing; refuses a decorator without parentheses.
        name: The task's name; by default the function's in camelCase.
        **settings: As in `TaskSettings`; durations may also be numbers of seconds.
    """
    return default_tasks.task(bare, name=name, **durations(settings))


def task_mutation(
    bare: None = None, /, *, name: str | None = None, description: str | None = None, **settings: Any
) -> MutationDecorator:
    """Declare a task that clients start with a mutation: `Tasks.mutation`.

    Args:
        bare: Nothing; refuses a decorator without parentheses.
        name: The task's name and the field's; by default the function's in camelCase.
        description: The field's; by default the function's docstring.
        **settings: As in `Tasks.mutation`; durations may also be numbers of seconds.
    """
    return default_tasks.mutation(bare, name=name, description=description, **durations(settings))


def periodic_task(
    *, interval: float | None = None, args: Mapping[str, Any] | None = None, **settings: Any
) -> TaskDecorator:
    """Declare a task that schedulers start again and again: `Tasks.periodic`.

    Args:
        interval: Seconds; the same as ``every=timedelta(seconds=…)``.
        args: The task's arguments, by name.
        **settings: As in `Tasks.periodic`; durations may also be numbers of seconds.
    """
    if interval is not None:
        settings["every"] = interval
    return default_tasks.periodic(args=args, **durations(settings))


def durations(settings: Mapping[str, Any]) -> TaskSettings:
    """Turn numbers of seconds into durations, where an option is one."""
    return {key: from_seconds(value) if key in DURATIONS else value for key, value in settings.items()}  # type: ignore[return-value]
