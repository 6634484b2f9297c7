"""Input and object types: dataclasses, and models of ``strawberry.pydantic``, field by field."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from .._compat import UNSET
from ..snapshot import JSON
from .shape import Files, Mismatch, Shape
from .untyped import UNSET_MARK

__all__ = ["Member", "complete_object"]

_Make: TypeAlias = Callable[[dict[str, object]], object]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One field whose value travels."""

    name: str
    """The attribute."""

    key: str
    """Its name in JSON: as in GraphQL, or ``private.…`` for a field that GraphQL doesn't have."""

    shape: Shape
    """The shape of its values."""

    default: Callable[[], object] | None
    """What it is where the JSON doesn't have it; None if it must be there."""

    required: bool
    """Whether it is an error that the JSON doesn't have it; otherwise the attribute stays unset."""

    shown: bool
    """Whether GraphQL shows it to everybody who sees the object."""


def complete_object(shape: Shape, cls: type, members: Sequence[Member], *, one_of: bool) -> None:
    """Fill in the shape of a class.

    Args:
        shape: What to complete; the members may refer to it.
        cls: The class of the values.
        members: The fields that travel.
        one_of: Whether exactly one field is given, as in a ``oneOf`` input.
    """
    shape.dump = _dumper(shape.name, cls, members, one_of=one_of)
    shape.load = _loader(shape.name, members, _maker(cls))
    shape.uploads = lambda data: _uploads(members, data)
    shape.publish = lambda data: _publish(members, data)
    shape.accepts = lambda value: isinstance(value, cls)


def _dumper(name: str, cls: type, members: Sequence[Member], *, one_of: bool) -> Callable[[object, Files | None], JSON]:
    omit = {member.name for member in members if member.default is not None and member.default() is UNSET}

    def dump(value: object, files: Files | None) -> JSON:
        if not isinstance(value, cls):
            raise Mismatch(name, value)
        data: dict[str, JSON] = {}
        for member in members:
            try:
                item = getattr(value, member.name)
            except AttributeError:
                if member.required:
                    raise Mismatch(name, value, f"it has no {member.name}") from None
                continue
            if item is UNSET:
                if member.name not in omit:
                    data[member.key] = dict(UNSET_MARK)
                continue
            try:
                data[member.key] = member.shape.dump(item, files)
            except Mismatch as mismatch:
                mismatch.at(f".{member.name}")
                raise
        if one_of and sum(item is not None for item in data.values()) != 1:
            raise Mismatch(f"{name} with exactly one field", value)
        return data

    return dump


def _loader(name: str, members: Sequence[Member], make: _Make) -> Callable[[JSON, Files | None], object]:
    def load(data: JSON, files: Files | None) -> object:
        if not isinstance(data, dict):
            raise Mismatch(name, data)
        values: dict[str, object] = {}
        for member in members:
            try:
                if member.key in data:
                    item = data[member.key]
                    values[member.name] = UNSET if item == UNSET_MARK else member.shape.load(item, files)
                elif member.default is not None:
                    values[member.name] = member.default()
                elif member.required:
                    raise Mismatch(member.shape.name, None, "it is missing")
            except Mismatch as mismatch:
                mismatch.at(f".{member.name}")
                raise
        try:
            return make(values)
        except Exception as error:
            raise Mismatch(name, data, f"making it raised {type(error).__name__}") from error

    return load


def _uploads(members: Iterable[Member], data: JSON) -> Iterable[str]:
    if isinstance(data, dict):
        for member in members:
            if member.key in data:
                yield from member.shape.uploads(data[member.key])


def _publish(members: Iterable[Member], data: JSON) -> JSON:
    if not isinstance(data, dict):
        return None
    return {
        member.key: member.shape.publish(data[member.key]) for member in members if member.shown and member.key in data
    }


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
