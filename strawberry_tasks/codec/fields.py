"""Which fields of a class travel, and what its class body says of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Set
from typing import Any, NamedTuple

from .._compat import (
    StrawberryField,
    StrawberryObjectDefinition,
    StrawberryOptional,
    field_key,
    field_source,
    field_type,
    is_private,
    private_type,
)

__all__ = ["Field", "fields_of"]


class Field(NamedTuple):
    """A field that holds data; those with resolvers are computed anew on every read."""

    owner: StrawberryObjectDefinition
    """The type that it belongs to, specialised if that is generic."""

    own: dataclasses.Field[Any]
    """The dataclass's view of it, or Strawberry's where the class is no dataclass."""

    exposed: StrawberryField | None
    """Strawberry's view of it; None if it is private."""

    filled: bool
    """Whether the class itself fills in what is missing, as a pydantic model does."""

    key: str
    """Its name in JSON: as in GraphQL by default, and one that GraphQL can't have if it is private."""

    @property
    def name(self) -> str:
        """The attribute."""
        return self.own.name

    @property
    def place(self) -> str:
        """Where an error about it happened."""
        return f"field {self.name!r} of {self.owner.name}"

    @property
    def required(self) -> bool:
        """Whether an object cannot be without it."""
        return self.own.init and not self.filled

    @property
    def source(self) -> str:
        """Its annotation, as it was written."""
        return field_source(self.exposed) if self.exposed else str(self.own.type)

    def type(self) -> Any:
        """Return its resolved type, or None if that does not exist yet."""
        return field_type(self.exposed, self.owner) if self.exposed else private_type(self.own, self.owner)

    def default(self) -> Callable[[], object] | None:
        """Return what makes its default, None if it has none.

        A nullable one without a default is None where it is left out, as in GraphQL.
        """
        if self.filled:
            return None
        if self.own.default is not dataclasses.MISSING:
            value = self.own.default
            return lambda: value
        if self.own.default_factory is not dataclasses.MISSING:
            return self.own.default_factory
        if self.own.init and isinstance(self.type(), StrawberryOptional):
            return lambda: None
        return None


def fields_of(definition: StrawberryObjectDefinition, cls: type) -> Iterator[Field]:
    """Yield the fields of a class whose values travel.

    Args:
        definition: What Strawberry knows of it.
        cls: The class that its instances are of.
    """
    exposed = {field.python_name: field for field in definition.fields}
    plain = dataclasses.is_dataclass(cls)
    taken: set[str] = set()
    for own in dataclasses.fields(cls) if plain else definition.fields:
        field = exposed.get(own.name)
        if getattr(field or own, "base_resolver", None) is not None:
            continue
        if field is not None and is_private(field_type(field, definition)):
            field = None  # Under postponed evaluation Strawberry itself notices that only when it builds the schema.
        key = _key(own.name, field, taken)
        taken.add(key)
        yield Field(owner=definition, own=own, exposed=field, filled=not plain, key=key)


def _key(name: str, exposed: StrawberryField | None, taken: Set[str]) -> str:
    if exposed is None:
        return f"private.{name}"
    key = field_key(exposed)
    # Two fields of one name in GraphQL may have two in a schema that names otherwise.
    return f"other.{name}" if key in taken else key
