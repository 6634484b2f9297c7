"""The decorators that make tasks of functions, typed so that a task keeps its function's signature."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from .context import TaskContext
from .errors import TaskDeclarationError
from .schema.mutations import MutationTask
from .task import Task

P = ParamSpec("P")
R = TypeVar("R")


class TaskDecorator:
    """Makes a `Task` of a function, whose context parameter callers do not see."""

    def __init__(self, declare: Callable[[Callable[..., Any]], Task[..., Any]]) -> None:
        self._declare = declare

    @overload
    def __call__(self, function: Callable[Concatenate[TaskContext, P], Coroutine[Any, Any, R]], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[TaskContext, P], R], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...
    def __call__(self, function: Callable[..., Any], /) -> Task[..., Any]:
        """Declare the task."""
        return self._declare(function)


class MutationDecorator:
    """Makes a `MutationTask` of a function, whose context parameter callers do not see."""

    def __init__(self, declare: Callable[[Callable[..., Any]], MutationTask[..., Any]]) -> None:
        self._declare = declare

    @overload
    def __call__(
        self, function: Callable[Concatenate[TaskContext, P], Coroutine[Any, Any, R]], /
    ) -> MutationTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[TaskContext, P], R], /) -> MutationTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> MutationTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> MutationTask[P, R]: ...
    def __call__(self, function: Callable[..., Any], /) -> MutationTask[..., Any]:
        """Declare the task."""
        return self._declare(function)


def check_parentheses(bare: object) -> None:
    """Refuse what a decorator without parentheses gets: the function itself."""
    if bare is not None:
        raise TaskDeclarationError(
            f"expected a decorator with parentheses, got it without. Write @tasks.mutation() or @tasks.task() above {bare!r}."
        )
