"""Shapes of types that may not exist yet when a task is declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .shape import Shape, incomplete

__all__ = ["Postponed"]


class Postponed:
    """What waits for a module to be imported or for a class to be defined further down."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], Shape]] = []

    def shape(
        self, name: str, *, find: Callable[[], Any], insist: Callable[[], Any], build: Callable[[Any], Shape]
    ) -> Shape:
        """Return the shape of a type, now or when it is first used.

        Args:
            name: How errors call it.
            find: Returns the type, or None while it does not exist.
            insist: Returns the type, importing it if need be, or raises.
            build: Makes its shape.
        """
        found = find()
        if found is not None:
            return build(found)
        shape = incomplete(name)

        def complete() -> Shape:
            real = build(insist())
            _follow(shape, lambda: real)
            if complete in self._waiting:
                self._waiting.remove(complete)
            return real

        _follow(shape, complete)
        self._waiting.append(complete)
        return shape

    def finish(self) -> None:
        """Build all that waits."""
        while self._waiting:
            self._waiting[-1]()


def _follow(shape: Shape, target: Callable[[], Shape]) -> None:
    """Make a shape do what another does, which may itself be complete only later."""
    shape.dump = lambda value, files: target().dump(value, files)
    shape.load = lambda data, files: target().load(data, files)
    shape.uploads = lambda data: target().uploads(data)
    shape.rows = lambda data, path, replace: target().rows(data, path, replace)
    shape.publish = lambda data, view: target().publish(data, view)
    shape.hidden = lambda view: target().hidden(view)
