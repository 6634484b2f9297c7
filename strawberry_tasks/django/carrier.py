"""Carries runs by a backend of Django's tasks framework: any of ``TASKS``, by its alias.

``STRAWBERRY_TASKS = {"BACKEND": "django.tasks", "BROKER": "default"}``
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from django.utils.module_loading import import_string

from ..backends.start import record_and_send
from ..backends.upkeep import Upkeep
from ..errors import ConfigurationError, QueueUnavailableError, TaskInputError
from ..lifecycle import Work
from ..snapshot import Snapshot
from ..stores.base import NewRun, Store
from ..stores.records import present
from .framework import AnyTask, BaseTaskBackend, ImmediateBackend, InvalidTaskBackend, task_backends
from .tasks import DramatiqBackend

MOST: Final = 100
"""The highest priority that the framework knows; its negative is the lowest."""

MESSAGE: Final = "strawberry_tasks.django.message.perform_run"
"""The framework's task whose only argument is a run's id."""


class FrameworkCarrier:
    """Finds the backend that carries the runs.

    Args:
        alias: Its name in ``TASKS``.

    Attributes:
        is_inline: Whether it performs a run in the process that enqueues it.

    Raises:
        ConfigurationError: If there is none of that name, or it would hand the runs back to us.
    """

    def __init__(self, alias: str) -> None:
        try:
            self._backend: BaseTaskBackend = task_backends[alias]
        except (InvalidTaskBackend, ImproperlyConfigured) as error:
            raise ConfigurationError(
                f"BROKER: expected the alias of a backend in TASKS, got {alias!r}: {error}"
            ) from error
        if isinstance(self._backend, DramatiqBackend):
            raise ConfigurationError(
                f"BROKER: expected another backend than TASKS[{alias!r}], whose tasks are runs themselves."
                " Leave BACKEND out, or name another alias."
            )
        self.is_inline = isinstance(self._backend, ImmediateBackend)

    def open_backend(self, upkeep: Upkeep) -> FrameworkBackend:
        """Make the backend."""
        return FrameworkBackend(self._backend, upkeep, is_inline=self.is_inline)


class FrameworkBackend:
    """Enqueues a run's id as the argument of one task of the framework. Workers and messages stay the framework's.

    Args:
        carrier: What carries the messages.
        upkeep: What a worker has looked after.
        is_inline: Whether it performs a run before its ``enqueue`` returns.

    Attributes:
        is_inline: The same.
        can_defer: Whether a message may be due later.
    """

    def __init__(self, carrier: BaseTaskBackend, upkeep: Upkeep, *, is_inline: bool) -> None:
        self.is_inline = is_inline
        self.can_defer = carrier.supports_defer
        self._carrier = carrier
        self._upkeep = upkeep
        self._tended_by = 0

    def register(self, work: Work) -> None:
        """Refuse a task whose queue or priority the carrier does not know.

        Raises:
            ConfigurationError: If it is such a task; names the option.
        """
        if (problem := self._problem(work.options.queue, work.options.priority)) is not None:
            raise ConfigurationError(f"task {work.name!r}: {problem}")

    def start(self, work: Work, runs: Sequence[NewRun], *, store: Store) -> Sequence[Snapshot]:
        """Record runs and enqueue their messages; one that is performed inline comes back as it ended.

        Raises:
            TaskInputError: If the carrier does not know their queue or priority, or cannot put them off. Nothing was started.
        """
        for run in runs:
            problem = self._problem(run.queue, run.priority)
            if run.delay is not None and not (self.can_defer or self.is_inline):
                problem = f"expected no delay, since {self._name} does not support it."
            if problem is not None:
                raise TaskInputError(f"task {work.name!r}: {problem}")
        started = record_and_send(
            store, runs, lambda run: self._enqueue(run.id, run.queue, run.delay, priority=run.priority)
        )
        if not self.is_inline:
            return started
        ended = store.read([run.id for run in started])
        return [present(after) or before for before, after in zip(started, ended, strict=True)]

    def is_atomic(self, store: Store) -> bool:
        """Tell that it takes two steps: the record comes first."""
        return False

    def send(self, work: Work, run_id: str, *, queue: str, delay: timedelta | None) -> None:
        """Enqueue the run's message."""
        self._enqueue(run_id, queue, delay)

    def send_again(self, message: AnyTask, run_id: str, delay: timedelta) -> None:
        """Enqueue a message like one that was delivered.

        Raises:
            QueueUnavailableError: If the carrier did not take it.
        """
        _enqueue(message.using(run_after=timezone.now() + delay), run_id)

    def tend(self) -> None:
        """Have looked after what a worker looks after, from its first message on."""
        if not self.is_inline and self._tended_by != os.getpid():
            self._tended_by = os.getpid()
            self._upkeep.begin()

    def hurry(self, run_id: str, queue: str) -> None:
        """Leave it: the message comes by itself."""

    def close(self) -> None:
        """Leave the carrier to Django."""

    @property
    def _name(self) -> str:
        return f"TASKS[{self._carrier.alias!r}]"

    def _problem(self, queue: str, priority: int) -> str | None:
        queues = self._carrier.queues
        if queues and queue not in queues:
            return f"expected a queue of {self._name}, out of {', '.join(sorted(queues))}, got {queue!r}."
        if priority and not self._carrier.supports_priority:
            return f"expected no priority, since {self._name} does not support it, got {priority}."
        return None

    def _enqueue(self, run_id: str, queue: str, delay: timedelta | None, *, priority: int = 0) -> None:
        options: dict[str, Any] = {"queue_name": queue, "priority": max(-MOST, min(MOST, priority))}
        if delay is not None and self.can_defer:
            options["run_after"] = timezone.now() + delay
        # By its path: it is declared with the settings that this backend is made of.
        message: AnyTask = import_string(MESSAGE)
        _enqueue(message.using(backend=self._carrier.alias, **options), run_id)


def _enqueue(message: AnyTask, run_id: str) -> None:
    try:
        message.enqueue(run_id)
    except Exception as error:
        # Each backend has errors of its own.
        raise QueueUnavailableError from error
