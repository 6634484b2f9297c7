"""The GraphQL type of each task's handles."""

from __future__ import annotations

import re
from dataclasses import replace
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import strawberry

from .._compat import get_object_definition
from ..declaration import Declaration
from .types import TaskHandle, UntypedTaskHandle


def handle_type(declaration: Declaration) -> type[TaskHandle]:
    """Make the type of a task's handles, which is named after the task, and has its typed `output`.

    Args:
        declaration: The task's. Where its result is untyped, the type has no `output`.
    """
    words = re.findall("[a-zA-Z0-9]+", declaration.name)
    name = "".join(word[0].upper() + word[1:] for word in words) + "TaskHandle"
    # Strawberry takes two classes of one module and one qualified name for the same class, imported twice.
    places = {"__module__": declaration.function.__module__, "__qualname__": f"{declaration.name}.{name}"}
    kind = type(name, (TaskHandle,), places)
    base = get_object_definition(UntypedTaskHandle, strict=True)
    # Decorated, it would become a dataclass of its own with the same fields, which costs more than all else about a task.
    kind.__strawberry_definition__ = replace(  # type: ignore[attr-defined]
        base,
        name=name,
        description=f"A run of `{declaration.name}`.",
        origin=kind,
        is_type_of=lambda value, _info: type(value) is kind,  # By default any task's would do.
        fields=[*base.fields, _output(declaration, kind)] if declaration.result.typed else list(base.fields),
    )
    return kind


def _output(declaration: Declaration, kind: type) -> Any:
    field = strawberry.field(
        resolver=_load_output,
        graphql_type=_without_none(declaration.result.annotation) | None,
        description="What the task returned; null until COMPLETED.",
    )
    field.python_name, field.origin = "output", kind
    return field


def _load_output(self: TaskHandle, info: strawberry.Info[Any, Any]) -> Any:
    return self.origin.output(info)


def _without_none(annotation: Any) -> Any:
    """Strip what `output` adds itself; Strawberry cannot build an optional of an optional."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[_without_none(arguments[0]), *arguments[1:]]
    if origin in {Union, UnionType}:
        return Union[tuple(argument for argument in arguments if argument is not NoneType)]  # noqa: UP007 - a tuple
    return annotation
