"""Who starts the runs that are enqueued in the course of a GraphQL operation: its viewer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import isawaitable
from typing import Any, Final

from .errors import ConfigurationError
from .policy import NOBODY, Policy, Viewer

_OUTSIDE: Final = object()
_present: ContextVar[object] = ContextVar("strawberry_tasks_operation", default=_OUTSIDE)


@contextmanager
def operation(context: object) -> Iterator[None]:
    """Say that what is enqueued meanwhile is so for the viewer of an operation.

    Args:
        context: The operation's GraphQL context.
    """
    # No token: a stream may be closed from elsewhere than where it was begun.
    before = _present.get()
    _present.set(context)
    try:
        yield
    finally:
        _present.set(before)


def no_operation() -> Any:
    """Say that what is enqueued meanwhile is nobody's, also where it happens inside an operation, as inline runs do."""
    return operation(_OUTSIDE)


def starter(policy: Policy) -> Viewer:
    """Return who starts a run here; nobody does outside an operation.

    Raises:
        ConfigurationError: If the policy has to wait to find out.
    """
    context = _present.get()
    if context is _OUTSIDE:
        return NOBODY
    viewer: Any = policy.viewer(context)
    return certain(_without_waiting(viewer) if isawaitable(viewer) else viewer)


async def astarter(policy: Policy) -> Viewer:
    """`starter` for async code; waits for the policy."""
    context = _present.get()
    if context is _OUTSIDE:
        return NOBODY
    viewer: Any = policy.viewer(context)
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
