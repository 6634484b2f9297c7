"""What is known about one type: how its values become JSON and come back."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, TypeAlias

from .._compat import StrawberryObjectDefinition
from ..snapshot import JSON
from .rows import Path, Replace
from .schema_view import SchemaView

__all__ = [
    "Dump", "Files", "Load", "MismatchError", "Shape", "as_is", "collect", "incomplete", "no_rows", "no_uploads", "shown",
]  # fmt: skip


class Files(Protocol):
    """Where uploads wait between the request that brought them and the task that reads them."""

    def save(self, upload: object) -> str:
        """Keep the contents of an upload and return the key to it."""

    def open(self, key: str) -> BinaryIO:
        """Open what was kept under the key."""


Dump: TypeAlias = Callable[[object, "Files | None"], JSON]
Load: TypeAlias = Callable[[JSON, "Files | None"], object]


class MismatchError(Exception):
    """A value that is not what its type says. It collects its path on the way out, innermost part first.

    Args:
        expected: What should be there, e.g. ``Decimal``.
        value: What is there instead.
        why: What is wrong with it, where its type and value don't tell.
    """

    def __init__(self, expected: str, value: object, why: str = "") -> None:
        self.expected = expected
        self.value = value
        self.why = why
        self.steps: list[str] = []
        super().__init__(expected)

    def at(self, step: str) -> None:
        """Add where the value stands in the one around it, e.g. ``.price`` or ``[3]``."""
        self.steps.append(step)

    def __str__(self) -> str:
        return self.describe(values=True)

    def describe(self, *, values: bool) -> str:
        """Say what was expected where, and what came.

        Args:
            values: Whether to show the value itself, and not only its type.
        """
        path = "".join(reversed(self.steps)).removeprefix(".")
        got = "None" if self.value is None else type(self.value).__name__
        if values and self.value is not None:
            got = f"{got} {reprlib.repr(self.value)}"
        return f"{path and path + ': '}expected {self.expected}, got {got}{self.why and f' ({self.why})'}"


def no_uploads(_data: JSON) -> Iterable[str]:
    """Find no upload: what most types hold."""
    return ()


def no_rows(data: JSON, _path: Path, _replace: Replace) -> Any:
    """Find no row: what most types hold."""
    return data


def as_is(data: JSON, _view: SchemaView) -> JSON:
    """Show what is there: what JSON does."""
    return data


def shown(_view: SchemaView) -> bool:
    """Hide nothing: what most types do."""
    return False


@dataclass(slots=True, eq=False)
class Shape:
    """One type's way to JSON and back.

    A shape may be handed out before it is complete, so that types can refer to themselves: look its functions up when they
    are called, not before.
    """

    name: str
    """How errors call the type."""

    dump: Dump
    """Turn a value into JSON; raises `MismatchError`."""

    load: Load
    """Turn the JSON back into the value; raises `MismatchError`."""

    uploads: Callable[[JSON], Iterable[str]] = no_uploads
    """Find the keys of the uploads in the JSON."""

    publish: Callable[[JSON, SchemaView], JSON] = as_is
    """Turn the JSON into what a schema shows of it to everybody; raises `MismatchError`."""

    hidden: Callable[[SchemaView], bool] = shown
    """Tell whether a schema may keep all values of the type from somebody."""

    definition: StrawberryObjectDefinition | None = None
    """What Strawberry knows of an object type."""

    rows: Callable[[JSON, Path, Replace], Any] = no_rows
    """Return the JSON with something else in the place of each row of a Django model."""

    accepts: Callable[[object], bool] | None = None
    """Tell whether a value is of this type, where a union has to choose."""


def incomplete(name: str) -> Shape:
    """Make a shape whose functions are still to be filled in."""

    def unready(_value: object, _files: Files | None) -> JSON:
        raise AssertionError(f"The shape of {name} was used before it was complete.")

    return Shape(name=name, dump=unready, load=unready)


def collect(shape: Shape, items: Iterable[JSON]) -> Iterator[str]:
    """Find the uploads in several pieces of data of one shape."""
    for item in items:
        yield from shape.uploads(item)
