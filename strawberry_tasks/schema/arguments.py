"""The arguments of a task's mutation, as Strawberry reads them off a resolver."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Final

import strawberry

from .._compat import Parameter, argument_name, is_maybe, named_argument
from ..declaration import Declaration
from ..declaration import Parameter as TaskParameter
from ..errors import TaskDeclarationError

_TAKEN: Final = frozenset({"_source", "cls", "info", "next_", "root", "self", "source"})
"""What Strawberry takes for a parameter of its own, or hands to extensions and permissions beside the arguments."""

_REFUSED: Final = frozenset({"_source", "info"})
"""The names of arguments that graphql-core cannot hand to Strawberry."""


def passed_names(declaration: Declaration) -> dict[str, str]:
    """Return the task's parameters by the names under which the field's extensions and resolver get them.

    Those are their own, with an underscore behind where Strawberry takes the name for something else.

    Raises:
        TaskDeclarationError: If a client could not give a value for one.
    """
    names: dict[str, str] = {}
    for parameter in declaration.parameters.values():
        passed = parameter.name
        if passed in _TAKEN:
            passed += "_"
            while passed in declaration.parameters:
                passed += "_"
        if declaration.is_finished:
            _check_name(declaration, parameter)
        names[passed] = parameter.name
    return names


def resolver_signature(declaration: Declaration, names: Mapping[str, str]) -> inspect.Signature:
    """Return the signature of a resolver that takes the parameters under these names, and Strawberry's ``info``."""
    # Strawberry looks parameters up by their hash, and only its own have one with a list as the default.
    parameters: list[inspect.Parameter] = [Parameter("info", Parameter.KEYWORD_ONLY, annotation=strawberry.Info)]
    for passed, name in names.items():
        parameter = declaration.parameters[name]
        annotation = parameter.codec.schema_type
        if passed != name:
            annotation = named_argument(annotation, name)
        parameters.append(Parameter(passed, Parameter.KEYWORD_ONLY, annotation=annotation, default=parameter.default))
    return inspect.Signature(parameters)


def left_out(declaration: Declaration) -> dict[str, None]:
    """Return what stands for arguments that a client may leave out, though their parameters have no default: `Maybe` ones."""
    return {
        name: None
        for name, parameter in declaration.parameters.items()
        if parameter.default is Parameter.empty and is_maybe(parameter.codec.annotation)
    }


def _check_name(declaration: Declaration, parameter: TaskParameter) -> None:
    shown = argument_name(parameter.codec.annotation) or parameter.name
    if shown in _REFUSED:
        raise TaskDeclarationError(
            f"task {declaration.name!r}, parameter {parameter.name!r}: expected an argument of another name, since Strawberry "
            f'keeps {shown!r} for itself. Rename it, or write Annotated[…, strawberry.argument(name="…")].'
        )
