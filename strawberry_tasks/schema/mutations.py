"""A task's own field: a mutation that starts a run, and returns its handle."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, ParamSpec, TypeVar

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission, PermissionExtension

from ..config import TaskOptions
from ..declaration import Declaration
from ..environment import Environment
from ..errors import QueueUnavailableError, StoreUnavailableError, TaskDeclarationError
from ..task import Task
from .arguments import left_out, passed_names, resolver_signature
from .chain import AwaitForAll
from .outages import for_clients
from .registry import in_event_loop, resolve
from .types import TaskHandle
from .visit import visit

P = ParamSpec("P")
R = TypeVar("R")


class FieldOptions(NamedTuple):
    """How a task's mutation looks and who may call it; as in `strawberry.mutation`."""

    name: str | None = None
    description: str | None = None
    deprecation_reason: str | None = None
    permission_classes: Sequence[type[BasePermission]] = ()
    extensions: Sequence[FieldExtension] = ()
    directives: Sequence[object] = ()


class MutationTask(Task[P, R]):
    """A task that GraphQL clients may start. `Tasks.mutation` makes it."""

    def __init__(
        self, declaration: Declaration, options: TaskOptions, environment: Environment, field_options: FieldOptions
    ) -> None:
        super().__init__(declaration, options, environment)
        _refuse_checks_of_what_is_returned(declaration, field_options.extensions)
        self.field_options = field_options
        self._names = passed_names(declaration)

    def mutation_field(self) -> Any:
        """Make the field that starts runs of the task, for the mutation type of a plain `strawberry.Schema`."""
        own = self.field_options
        # Permissions stand outside the user's own extensions, and nothing is enqueued before both have agreed.
        permissions = (
            [PermissionExtension([kind() for kind in own.permission_classes])] if own.permission_classes else []
        )
        return strawberry.mutation(
            resolver=_resolver(self, self._names),
            graphql_type=self.handle_type,
            name=own.name,
            description=own.description or self.declaration.description,
            deprecation_reason=own.deprecation_reason,
            directives=list(own.directives),  # Extensions may add some.
            extensions=[*own.extensions, *permissions, AwaitForAll()],
        )


def _refuse_checks_of_what_is_returned(declaration: Declaration, extensions: Sequence[FieldExtension]) -> None:
    """Refuse strawberry_django's permissions on the rows that a field returns: the run would have been started by then."""
    for extension in extensions:
        if getattr(getattr(extension, "target", None), "name", None) == "RETVAL":
            raise TaskDeclarationError(
                f"task {declaration.name!r}: {type(extension).__name__} checks what the field returns, which is a handle. Use HasPerm "
                "here, and check rows in the function, or by the fields or get_queryset of their type."
            )


def started_task(field: Any) -> object | None:
    """Return the task that a field starts, ``None`` if it is no task's field."""
    return getattr(resolver_of(field), "task", None)


def resolver_of(field: Any) -> object | None:
    """Return the function that resolves a field, ``None`` if it has none of its own."""
    return getattr(getattr(field, "base_resolver", None), "wrapped_func", None)


def _resolver(task: Task[..., Any], names: Mapping[str, str]) -> Any:
    def start(info: strawberry.Info[Any, Any], **arguments: Any) -> Any:
        given = {names[passed]: value for passed, value in arguments.items()}
        return resolve(_start(task, info, {**absent, **given}))

    signature, absent = resolver_signature(task.declaration, names), left_out(task.declaration)
    function = task.function
    start.__signature__ = signature  # type: ignore[attr-defined]
    start.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    start.__name__ = function.__name__
    start.__qualname__ = function.__qualname__
    if function.__module__ in sys.modules:  # Strawberry looks there.
        start.__module__ = function.__module__
    start.task = task  # type: ignore[attr-defined]
    return start


async def _start(task: Task[..., Any], info: strawberry.Info[Any, Any], arguments: Mapping[str, Any]) -> TaskHandle:
    who = await visit(info)
    owned = task.using(viewer=who.viewer)
    try:
        with for_clients():
            run = await owned.astart((), arguments) if in_event_loop() else owned.start((), arguments)
    except StoreUnavailableError as error:
        raise QueueUnavailableError from error
    return who.registry.handle(run, who.viewer, info.schema)
