"""How tasks are declared: the decorators that `Tasks` has."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from .backends.base import Backend
from .config import Config, TaskOptions, TaskSettings, check_graphql_name, options
from .declaration import Declaration, declare
from .decorator import MutationDecorator, TaskDecorator, check_parentheses
from .environment import Environment
from .errors import TaskDeclarationError, TaskInputError
from .policy import Policy
from .routes import Routes
from .runtime import Runtime
from .schedule import Misfire, Overlap, Schedule
from .schema.handles import handle_type
from .schema.mutations import FieldOptions, MutationTask
from .task import Task
from .uploads import Uploads

if TYPE_CHECKING:
    from strawberry.extensions import FieldExtension
    from strawberry.permission import BasePermission

T = TypeVar("T", bound=Task[..., Any])


class Declaring(ABC):
    """Declares tasks; `Tasks` is the one that can be made."""

    config: Config
    policy: Policy
    uploads: Uploads
    _backend: Backend
    _routes: Routes
    _scalar_map: dict[object, Any]
    _tasks: dict[str, Task[..., Any]]
    _declared_schedules: list[Schedule]

    @abstractmethod
    def runtime(self) -> Runtime:
        """Return what this process uses to enqueue, perform and watch runs."""

    @abstractmethod
    def queues(self) -> Set[str]:
        """Return the queues that runs may be sent to."""

    def task(
        self,
        bare: None = None,
        /,
        *,
        name: str | None = None,
        **settings: Unpack[TaskSettings],
    ) -> TaskDecorator:
        """Declare a task that Python code starts; clients can only watch it.

        Args:
            bare: Nothing; refuses a decorator without parentheses.
            name: The task's name; by default the function's in camelCase.
            **settings: Queue, retries and limits: `TaskSettings`.

        Raises:
            ConfigurationError: If an option cannot work.
            TaskDeclarationError: If a parameter or the result cannot cross between processes; names it.
        """
        check_parentheses(bare)
        own = self.options(**settings)

        def make(function: Callable[..., Any]) -> Task[..., Any]:
            declaration = self._declaration(function, name)
            return self._add(Task(declaration, self._routed(declaration, own, settings), self._environment))

        return TaskDecorator(make)

    def mutation(
        self,
        bare: None = None,
        /,
        *,
        name: str | None = None,
        description: str | None = None,
        deprecation_reason: str | None = None,
        permission_classes: Sequence[type[BasePermission]] = (),
        extensions: Sequence[FieldExtension] = (),
        directives: Sequence[object] = (),
        **settings: Unpack[TaskSettings],
    ) -> MutationDecorator:
        """Declare a task that clients start with a mutation.

        Args:
            bare: Nothing; refuses a decorator without parentheses.
            name: The task's name and the field's; by default the function's in camelCase.
            description: The field's; by default the function's docstring.
            deprecation_reason: As in `strawberry.mutation`.
            permission_classes: As in `strawberry.mutation`; checked before anything is enqueued.
            extensions: As in `strawberry.mutation`; they run before anything is enqueued.
            directives: As in `strawberry.mutation`.
            **settings: Queue, retries and limits: `TaskSettings`.

        Raises:
            ConfigurationError: If an option cannot work.
            TaskDeclarationError: If a parameter or the result cannot cross between processes; names it.
        """
        check_parentheses(bare)
        if name is not None:
            check_graphql_name("name", name)
        own = self.options(**settings)
        field_options = FieldOptions(
            name=name,
            description=description,
            deprecation_reason=deprecation_reason,
            permission_classes=permission_classes,
            extensions=extensions,
            directives=directives,
        )

        def make(function: Callable[..., Any]) -> MutationTask[..., Any]:
            declaration = self._declaration(function, name)
            routed = self._routed(declaration, own, settings)
            return self._add(MutationTask(declaration, routed, self._environment, field_options))

        return MutationDecorator(make)

    def periodic(
        self,
        *,
        cron: str | None = None,
        every: timedelta | None = None,
        timezone: str = "UTC",
        misfire: Misfire = "once",
        overlap: Overlap = "allow",
        jitter: timedelta = timedelta(0),
        args: Mapping[str, Any] | None = None,
        name: str | None = None,
        **settings: Unpack[TaskSettings],
    ) -> TaskDecorator:
        """Declare a task that schedulers start again and again; it can be started otherwise, too.

        Args:
            cron: Five fields: minute, hour, day of month, month, day of week.
            every: Instead of ``cron``: fires at the whole multiples of it since 1970, UTC; at least a second.
            timezone: Where the clock of ``cron`` hangs, e.g. ``"Europe/Paris"``.
            misfire: What becomes of fires that no scheduler was there for: ``"once"``, the last of them fires; ``"skip"``, none
                does; ``"all"``, each does. One that is no more than 30 seconds late was not missed.
            overlap: What becomes of a fire while the run of an earlier one is live: ``"allow"``, they run side by side;
                ``"skip"``, nothing; ``"queue"``, it waits.
            jitter: How long a run waits at the most after its fire.
            args: The task's arguments, by name.
            name: The task's name, and the schedule's; by default the function's in camelCase.
            **settings: Queue, retries and limits: `TaskSettings`.

        Raises:
            ConfigurationError: If the schedule or an option cannot work; tells which field of a cron line is wrong.
            TaskDeclarationError: If a parameter or the result cannot cross between processes, or ``args`` do not fit.
        """
        declares = self.task(name=name, **settings)
        # What is wrong with the schedule alone is told before there is a task.
        options = {"cron": cron, "every": every, "timezone": timezone, "misfire": misfire, "overlap": overlap}
        Schedule(name="unnamed", task="unnamed", jitter=jitter, **options)  # type: ignore[arg-type]

        def make(function: Callable[..., Any]) -> Task[..., Any]:
            task: Task[..., Any] = declares(function)
            try:
                arguments = json.loads(task.declaration.dump_arguments((), args or {}, self.uploads))
            except TaskInputError as error:
                raise TaskDeclarationError(
                    f"{error} A schedule needs args={{…}} for parameters without a default."
                ) from error
            schedule = Schedule(name=task.name, task=task.name, jitter=jitter, arguments=arguments, **options)  # type: ignore[arg-type]
            self._declared_schedules.append(schedule)
            return task

        return TaskDecorator(make)

    def options(self, **settings: Unpack[TaskSettings]) -> TaskOptions:
        """Return what holds for a task that says this much.

        Raises:
            ConfigurationError: If an option cannot work.
            TypeError: If there is no such option.
        """
        return options(self.config.defaults, **settings)

    @cached_property
    def _environment(self) -> Environment:
        return Environment(
            runtime=self.runtime,
            policy=self.policy,
            uploads=self.uploads,
            queues=self.queues,
            max_payload=self.config.max_payload,
            max_result=self.config.max_result,
            handle_type=handle_type,
        )

    def _routed(self, declaration: Declaration, own: TaskOptions, settings: TaskSettings) -> TaskOptions:
        queue = self._routes.queue_of(declaration.name, declaration.function)
        return own if queue is None or settings.get("queue") is not None else replace(own, queue=queue)

    def _declaration(self, function: Callable[..., Any], name: str | None) -> Declaration:
        return declare(function, name=name, scalar_map=self._scalar_map, taken=self._tasks)

    def _add(self, task: T) -> T:
        self._backend.register(task)
        self._tasks[task.name] = task
        # A former version's, if it had one.
        self._declared_schedules[:] = [each for each in self._declared_schedules if each.task != task.name]
        return task
