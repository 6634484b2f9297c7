"""The decorators that make tasks of functions, typed so that a task keeps its function's signature."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from ._compat import Info
from .context import TaskContext
from .errors import TaskDeclarationError
from .schema.mutations import MutationTask
from .task import Task

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Root_contra = TypeVar("Root_contra", contravariant=True)
Info_contra = TypeVar("Info_contra", bound="Info[Any, Any] | None", contravariant=True)

# Where a function mentions `Any`, as each `strawberry.Info` does, mypy takes the first of several overloads only if their
# parameters come to the same type. So those about `info` and the last ones are protocols: they keep the parameters' names.


class _Function(Protocol[P, R_co]):
    """A function that callers see all parameters of."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class _TakesInfo(Protocol[Info_contra, P, R_co]):
    """A function that is written like a resolver."""

    def __call__(self, info: Info_contra, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class _TakesRoot(Protocol[Root_contra, Info_contra, P, R_co]):
    """A function that is written like a resolver with the root value."""

    def __call__(self, root: Root_contra, info: Info_contra, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class TaskDecorator:
    """Makes a `Task` of a function, whose context, or info, callers do not see."""

    def __init__(self, declare: Callable[[Callable[..., Any]], Task[..., Any]]) -> None:
        self._declare = declare

    @overload
    def __call__(self, function: _TakesInfo[Info_contra, P, Coroutine[Any, Any, R]], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: _TakesInfo[Info_contra, P, R], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: _TakesRoot[Root_contra, Info_contra, P, Coroutine[Any, Any, R]], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: _TakesRoot[Root_contra, Info_contra, P, R], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[TaskContext, P], Coroutine[Any, Any, R]], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[TaskContext, P], R], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: _Function[P, Coroutine[Any, Any, R]], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: _Function[P, R], /) -> Task[P, R]: ...
    def __call__(self, function: Callable[..., Any], /) -> Task[..., Any]:
        """Declare the task."""
        return self._declare(function)


class MutationDecorator:
    """Makes a `MutationTask` of a function, whose context, or info, callers do not see."""

    def __init__(self, declare: Callable[[Callable[..., Any]], MutationTask[..., Any]]) -> None:
        self._declare = declare

    @overload
    def __call__(self, function: _TakesInfo[Info_contra, P, Coroutine[Any, Any, R]], /) -> MutationTask[P, R]: ...
    @overload
    def __call__(self, function: _TakesInfo[Info_contra, P, R], /) -> MutationTask[P, R]: ...
    @overload
    def __call__(
        self, function: _TakesRoot[Root_contra, Info_contra, P, Coroutine[Any, Any, R]], /
    ) -> MutationTask[P, R]: ...
    @overload
    def __call__(self, function: _TakesRoot[Root_contra, Info_contra, P, R], /) -> MutationTask[P, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[TaskContext, P], Coroutine[Any, Any, R]], /
    ) -> MutationTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[TaskContext, P], R], /) -> MutationTask[P, R]: ...
    @overload
    def __call__(self, function: _Function[P, Coroutine[Any, Any, R]], /) -> MutationTask[P, R]: ...
    @overload
    def __call__(self, function: _Function[P, R], /) -> MutationTask[P, R]: ...
    def __call__(self, function: Callable[..., Any], /) -> MutationTask[..., Any]:
        """Declare the task."""
        return self._declare(function)


def check_parentheses(bare: object) -> None:
    """Refuse what a decorator without parentheses gets: the function itself."""
    if bare is not None:
        raise TaskDeclarationError(
            f"expected a decorator with parentheses, got it without. Write @tasks.mutation() or @tasks.task() above {bare!r}."
        )
