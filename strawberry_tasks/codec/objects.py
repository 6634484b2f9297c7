"""Input and object types: dataclasses, and models of ``strawberry.pydantic``, field by field."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from .._compat import UNSET
from ..errors import ObjectGoneError
from ..snapshot import JSON
from .rows import Path, Replace, Step
from .shape import Files, MismatchError, Shape
from .untyped import UNSET_MARK

__all__ = ["Member", "complete_object"]

_Make: TypeAlias = Callable[[dict[str, object]], object]


class Member(NamedTuple):
    """One field whose value travels."""

    name: str
    """The attribute."""

    key: str
    """Its name in JSON."""

    shape: Shape
    """The shape of its values."""

    default: Callable[[], object] | None
    """What it is where the JSON doesn't have it."""

    required: bool
    """Whether an object without a default can't be without it; otherwise the attribute stays unset."""

    shown: bool
    """Whether GraphQL shows it to everybody who sees the object."""

    def write(self, value: object, data: dict[str, JSON], files: Files | None) -> None:
        """Put the field of an object into its JSON."""
        item = getattr(value, self.name, _ABSENT)
        if item is _ABSENT and not self.required:
            return
        if item is UNSET:
            # Left out if that says the same: the JSON of results is for clients to read.
            if self.default is None or self.default() is not UNSET:
                data[self.key] = dict(UNSET_MARK)
            return
        try:
            data[self.key] = self.shape.dump(item, files)
        except MismatchError as mismatch:
            mismatch.at(f".{self.name}")
            raise

    def read(self, data: dict[str, JSON], values: dict[str, object], files: Files | None) -> None:
        """Take the field out of an object's JSON."""
        try:
            if self.key in data:
                item = data[self.key]
                values[self.name] = UNSET if item == UNSET_MARK else self.shape.load(item, files)
            elif self.default is not None:
                values[self.name] = self.default()
            elif self.required:
                raise MismatchError(self.shape.name, None, "it is missing")
        except MismatchError as mismatch:
            mismatch.at(f".{self.name}")
            raise


_ABSENT = object()


def complete_object(shape: Shape, cls: type, members: Sequence[Member], *, typename: str, one_of: bool) -> None:
    """Fill in the shape of a class.

    Args:
        shape: What to complete; the members may refer to it.
        cls: The class of the values.
        typename: Its name in GraphQL.
        members: The fields that travel.
        one_of: Whether exactly one field is given, as in a ``oneOf`` input.
    """
    known = _Class(shape.name, cls, members, typename=typename, one_of=one_of)
    shape.dump = known.dump
    shape.load = known.load
    shape.uploads = known.uploads
    shape.rows = known.rows
    shape.publish = known.publish
    shape.accepts = lambda value: isinstance(value, cls)


class _Class:
    """The objects of one class."""

    def __init__(self, name: str, cls: type, members: Sequence[Member], *, typename: str, one_of: bool) -> None:
        self._name = name
        self._typename = typename
        self._cls = cls
        self._members = tuple(members)
        self._one_of = one_of
        self._make = _maker(cls)

    def dump(self, value: object, files: Files | None) -> JSON:
        if not isinstance(value, self._cls):
            raise MismatchError(self._name, value)
        data: dict[str, JSON] = {}
        for member in self._members:
            member.write(value, data, files)
        if self._one_of and sum(item is not None for item in data.values()) != 1:
            raise MismatchError(f"{self._name} with exactly one field", value)
        return data

    def load(self, data: JSON, files: Files | None) -> object:
        if not isinstance(data, dict):
            raise MismatchError(self._name, data)
        values: dict[str, object] = {}
        for member in self._members:
            member.read(data, values, files)
        try:
            return self._make(values)
        except ObjectGoneError as error:
            return error  # It needs a row that is gone; GraphQL raises what it finds as a value.
        except Exception as error:  # The class's own constructor may raise anything.
            raise MismatchError(self._name, data, f"its constructor raised {type(error).__name__}") from error

    def uploads(self, data: JSON) -> Iterator[str]:
        if isinstance(data, dict):
            for member in self._members:
                if member.key in data:
                    yield from member.shape.uploads(data[member.key])

    def rows(self, data: JSON, path: Path, replace: Replace) -> Any:
        if not isinstance(data, dict):
            return data
        found: dict[str, Any] = {}
        for member in self._members:
            item = data.get(member.key)
            if item is not None and item != UNSET_MARK:
                found[member.key] = member.shape.rows(item, (*path, Step(self._typename, member.name)), replace)
        return {**data, **found}

    def publish(self, data: JSON) -> JSON:
        if not isinstance(data, dict):
            return None
        shown = (member for member in self._members if member.shown and member.key in data)
        return {member.key: member.shape.publish(data[member.key]) for member in shown}


def _maker(cls: Any) -> _Make:
    """Return what makes an instance of its fields.

    An object comes back the way it left. Its constructor runs only for the sake of ``__post_init__``, which may set up more
    than fields, and not where it wants what is no field.
    """
    if hasattr(cls, "model_construct"):
        return lambda values: cls.model_construct(**values)
    if not hasattr(cls, "__post_init__") or _has_init_only(cls):
        return lambda values: _restore(cls.__new__(cls), values)
    init = {field.name for field in dataclasses.fields(cls) if field.init}
    return lambda values: _restore(cls(**{name: values[name] for name in values.keys() & init}), values)


def _has_init_only(cls: Any) -> bool:
    """Tell whether the constructor takes an ``InitVar``; dataclasses keep those beside the fields."""
    fields = {field.name for field in dataclasses.fields(cls)}
    extras = (field for name, field in cls.__dataclass_fields__.items() if name not in fields)
    return any("InitVar" in str(field.type) for field in extras)


def _restore(instance: object, values: dict[str, object]) -> object:
    for name, value in values.items():
        object.__setattr__(instance, name, value)  # Also where the class is frozen.
    return instance
