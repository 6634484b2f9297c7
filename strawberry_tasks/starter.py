"""Who starts the runs that are enqueued in the course of a GraphQL operation: its viewer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from inspect import isawaitable
from typing import Any

from .errors import ConfigurationError
from .policy import NOBODY, Policy, Viewer


class _Operation:
    """An operation that is executed, or was."""

    __slots__ = ("context", "is_over")

    def __init__(self, context: object) -> None:
        self.context = context
        self.is_over = False


_present: ContextVar[_Operation | None] = ContextVar("strawberry_tasks_operation", default=None)


@contextmanager
def operation(context: object) -> Iterator[None]:
    """Say that what is enqueued meanwhile is so for the viewer of an operation.

    Args:
        context: The operation's GraphQL context.
    """
    entered = _Operation(context)
    with _inside(entered):
        try:
            yield
        finally:
            # Whatever was begun in its course and goes on, such as a consumer that the first request starts, has copied this.
            entered.is_over = True


def no_operation() -> AbstractContextManager[None]:
    """Say that what is enqueued meanwhile is nobody's, also where it happens inside an operation, as inline runs do."""
    return _inside(None)


def starter(policy: Policy) -> Viewer:
    """Return who starts a run here; nobody does outside an operation.

    Raises:
        ConfigurationError: If the policy has to wait to find out.
    """
    present = _present.get()
    if present is None or present.is_over:
        return NOBODY
    viewer: Any = policy.viewer(present.context)
    return certain(_without_waiting(viewer) if isawaitable(viewer) else viewer)


async def astarter(policy: Policy) -> Viewer:
    """`starter` for async code; waits for the policy."""
    present = _present.get()
    if present is None or present.is_over:
        return NOBODY
    viewer: Any = policy.viewer(present.context)
    return certain(await viewer if isawaitable(viewer) else viewer)


def certain(found: object) -> Viewer:
    """Return what a policy has answered, if that is a viewer.

    Raises:
        ConfigurationError: If it is anything else.
    """
    if not isinstance(found, Viewer):
        # Taken for nobody, its runs would be open to everybody.
        raise ConfigurationError(f"policy: expected viewer() and recheck() to return a Viewer, got {found!r}.")
    return found


@contextmanager
def _inside(entered: _Operation | None) -> Iterator[None]:
    # No token: a stream may be closed from elsewhere than where it was begun.
    before = _present.get()
    _present.set(entered)
    try:
        yield
    finally:
        _present.set(before)


def _without_waiting(viewer: Any) -> object:
    steps = viewer.__await__()
    try:
        next(steps)
    except StopIteration as done:
        return done.value
    steps.close()
    raise ConfigurationError(
        "enqueue: expected a policy that knows the operation's viewer at once, got one that has to wait on the event loop for it. "
        "Write await aenqueue(…), or say who it is: using(viewer=…)."
    )
