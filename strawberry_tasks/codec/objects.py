"""Input and object types: dataclasses, and models of ``strawberry.pydantic``, field by field."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from .._compat import UNSET, StrawberryField, StrawberryObjectDefinition, type_name
from ..errors import ObjectGoneError
from ..snapshot import JSON
from .rows import Path, Replace, Step
from .schema_view import SchemaView
from .shape import Files, MismatchError, Shape
from .stand_ins import may_stand_for, says_it_is
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

    field: StrawberryField | None
    """Strawberry's view of it; None if it is private."""

    def write(self, value: object, data: dict[str, JSON], files: Files | None, *, foreign: bool) -> None:
        """Put the field of an object into its JSON.

        Args:
            value: The object.
            data: Its JSON.
            files: Where to keep uploads.
            foreign: Whether the object is not of the class, but stands for one that is.
        """
        try:
            item = self._of(value)
            if item is _ABSENT and not foreign and not self.required:
                return
            if item is UNSET:
                # Left out if that says the same: the JSON of results is for clients to read.
                if self.default is None or self.default() is not UNSET:
                    data[self.key] = dict(UNSET_MARK)
                return
            if item is _ABSENT:
                raise MismatchError(self.shape.name, None, "it is missing")
            data[self.key] = self.shape.dump(item, files)
        except MismatchError as mismatch:
            if foreign and self.field is None:
                return  # No client would read it.
            mismatch.at(f".{self.name}")
            raise

    def _of(self, value: object) -> object:
        try:
            return getattr(value, self.name, _ABSENT)
        except Exception as error:  # A property may do anything, e.g. ask a database that is gone.
            raise MismatchError(self.shape.name, None, f"reading it raised {type(error).__name__}") from error

    def read(self, data: dict[str, JSON], values: dict[str, object], files: Files | None) -> None:
        """Take the field out of an object's JSON."""
        try:
            if self.key in data:
                item = data[self.key]
                values[self.name] = UNSET if item == UNSET_MARK else self.shape.load(item, files)
            elif self.default is not None:
                values[self.name] = self.default()
            elif self.required and self.field is not None:
                raise MismatchError(self.shape.name, None, "it is missing")
        except MismatchError as mismatch:
            mismatch.at(f".{self.name}")
            raise

    def show(self, item: JSON, view: SchemaView) -> JSON:
        """Turn its part of an object's JSON into what a schema shows of it."""
        return None if item == UNSET_MARK else self.shape.publish(item, view)


_ABSENT = object()


def complete_object(shape: Shape, cls: type, members: Sequence[Member], definition: StrawberryObjectDefinition) -> None:
    """Fill in the shape of a class.

    Args:
        shape: What to complete; the members may refer to it.
        cls: The class of the values.
        typename: Its name in GraphQL.
        members: The fields that travel.
        definition: What Strawberry knows of the class.
    """
    known = _Class(shape.name, cls, members, definition)
    shape.definition = definition
    shape.dump = known.dump
    shape.load = known.load
    shape.uploads = known.uploads
    shape.rows = known.rows
    shape.publish = known.publish
    shape.hidden = lambda view: view.hides(definition)
    shape.accepts = known.accepts


class _Class:
    """The objects of one class."""

    def __init__(self, name: str, cls: type, members: Sequence[Member], definition: StrawberryObjectDefinition) -> None:
        self._name = name
        self._typename = type_name(definition)
        self._cls = cls
        self._members = tuple(members)
        self._definition = definition
        self._make = _maker(cls)

    def accepts(self, value: object) -> bool:
        return isinstance(value, self._cls) or says_it_is(value, self._cls, self._definition)

    def dump(self, value: object, files: Files | None) -> JSON:
        foreign = not isinstance(value, self._cls)
        if foreign and not may_stand_for(value, self._cls, self._definition):
            raise MismatchError(self._name, value)
        data: dict[str, JSON] = {}
        for member in self._members:
            member.write(value, data, files, foreign=foreign)
        if self._definition.is_one_of and sum(item is not None for item in data.values()) != 1:
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

    def publish(self, data: JSON, view: SchemaView) -> JSON:
        if not isinstance(data, dict):
            raise MismatchError(self._name, data)
        shown = view.once(self, lambda: self._shown(view))
        return {name: member.show(data[member.key], view) for name, member in shown if member.key in data}

    def _shown(self, view: SchemaView) -> list[tuple[str, Member]]:
        """Return the members that a schema shows, with their names in it."""
        names = (view.field_name(self._definition, member.field) if member.field else None for member in self._members)
        named = zip(names, self._members, strict=True)
        return [(name, member) for name, member in named if name is not None and not member.shape.hidden(view)]


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

    def make(values: dict[str, object]) -> object:
        # Where another object stood for one of this class, private fields may be missing.
        made = cls(**{name: values[name] for name in init}) if init <= values.keys() else cls.__new__(cls)
        return _restore(made, values)

    return make


def _has_init_only(cls: Any) -> bool:
    """Tell whether the constructor takes an ``InitVar``; dataclasses keep those beside the fields."""
    fields = {field.name for field in dataclasses.fields(cls)}
    extras = (field for name, field in cls.__dataclass_fields__.items() if name not in fields)
    return any("InitVar" in str(field.type) for field in extras)


def _restore(instance: object, values: dict[str, object]) -> object:
    for name, value in values.items():
        object.__setattr__(instance, name, value)  # Also where the class is frozen.
    return instance
