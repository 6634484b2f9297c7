"""The decorators that make tasks of functions, typed so that a task keeps its function's signature."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from .context import TaskContext
from .schema.mutations import TaskMutation
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
    """Makes a `TaskMutation` of a function, whose context parameter callers do not see."""

    def __init__(self, declare: Callable[[Callable[..., Any]], TaskMutation[..., Any]]) -> None:
        self._declare = declare

    @overload
    def __call__(
        self, function: Callable[Concatenate[TaskContext, P], Coroutine[Any, Any, R]], /
    ) -> TaskMutation[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[TaskContext, P], R], /) -> TaskMutation[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> TaskMutation[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> TaskMutation[P, R]: ...
    def __call__(self, function: Callable[..., Any], /) -> TaskMutation[..., Any]:
        """Declare the task."""
        return self._declare(function)
