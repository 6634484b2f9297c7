"""Finds the middleware that listens to a signal, so that the others need not be called for each message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dramatiq.middleware import Middleware

Hook = Callable[..., Any]
"""A method of a middleware."""


class Listeners:
    """Remembers the hooks of a broker's middleware for as long as that stays the same."""

    def __init__(self) -> None:
        self._middleware: list[Middleware] = []
        self._hooks: dict[str, list[Hook]] = {}

    def of(self, middleware: Sequence[Middleware], name: str) -> list[Hook]:
        """Return the hooks of that name which do anything, in the order of the middleware."""
        if self._middleware != middleware:
            # The hooks first: another thread that finds the middleware known must not find hooks of others.
            self._hooks, self._middleware = {}, list(middleware)
        hooks = self._hooks.get(name)
        if hooks is None:
            nothing = getattr(Middleware, name, None)
            found = [getattr(each, name) for each in middleware]
            hooks = self._hooks[name] = [hook for hook in found if getattr(hook, "__func__", hook) is not nothing]
        return hooks
