"""How a schema shows results: what of them, and under which names."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar, cast
from weakref import ref

from graphql import GraphQLScalarType
from strawberry.schema.base import BaseSchema
from strawberry.types.scalar import ScalarDefinition

from .._compat import (
    DEFAULT_NAMES,
    Schema,
    StrawberryEnumDefinition,
    StrawberryField,
    StrawberryObjectDefinition,
    StrawberryUnion,
    definition_of,
    graphql_type,
    is_possible,
    scalar_definition,
    scalar_registry,
    served_field,
    value_class,
)
from .plain import is_guarded, is_plain, is_plain_schema, restricts

__all__ = ["WITHOUT_SCHEMA", "SchemaView"]

T = TypeVar("T")


class SchemaView:
    """What one schema shows of results, and under which names.

    Args:
        schema: The schema; None, as for plain HTTP, if there is none: names are Strawberry's defaults, and what types
            say of themselves is all that counts.
    """

    def __init__(self, schema: BaseSchema | None = None) -> None:
        known = cast("Schema | None", schema)
        # Views are kept by their schemas, so they must not keep those.
        self._schema: Callable[[], Schema | None] = (lambda: None) if known is None else ref(known)
        self._names = DEFAULT_NAMES if known is None else known.config.name_converter
        self._is_plain = known is None or is_plain_schema(known)
        self._kept: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made for the key, making it at the first call."""
        if key not in self._kept:
            self._kept[key] = make()
        made: T = self._kept[key]
        return made

    def hides(self, definition: StrawberryObjectDefinition | StrawberryUnion) -> bool:
        """Tell whether objects of a type may be kept from somebody, wholly."""
        if not self._is_plain:
            return True
        if isinstance(definition, StrawberryUnion):
            return restricts(definition.directives)
        return is_guarded(definition) or self._type_name(definition) is None

    def member_name(
        self, abstract: StrawberryObjectDefinition | StrawberryUnion, definition: StrawberryObjectDefinition
    ) -> str | None:
        """Return the name of a type where a union or an interface stands; None if its objects are not shown there."""
        name, schema = self._type_name(definition), self._schema()
        if schema is None or name is None or is_possible(schema, self._names.from_type(abstract), name):
            return name
        return None

    def field_name(self, definition: StrawberryObjectDefinition, field: StrawberryField) -> str | None:
        """Return the name of a field; None if it is not known to be plain."""
        inherited = (
            other
            for interface in definition.interfaces
            for other in interface.fields
            if other.python_name == field.python_name
        )
        if not all(is_plain(each) for each in (field, *inherited)):
            return None
        name = self._names.from_field(field)
        schema = self._schema()
        return name if schema is None or self._has(schema, definition, name, field) else None

    def enum_values(self, definition: StrawberryEnumDefinition) -> Mapping[str, str]:
        """Return the names of an enum's values by those that they travel under; those of which it is not known to be plain are left out."""
        return {
            value.name: self._names.from_enum_value(definition, value)
            for value in definition.values
            if not restricts(value.directives)
        }

    def scalar(
        self, type_: object, own: ScalarDefinition | GraphQLScalarType | None
    ) -> ScalarDefinition | GraphQLScalarType | None:
        """Return the scalar by which the schema shows a type.

        Args:
            type_: The type.
            own: The scalar by which it travels.
        """
        schema = self._schema()
        return own if schema is None else scalar_definition(type_, scalar_registry(schema))

    def _type_name(self, definition: StrawberryObjectDefinition) -> str | None:
        """Return a type's name; None if the schema means another type by it."""
        name = self._names.from_type(definition)
        schema = self._schema()
        found = None if schema is None else graphql_type(schema, name)
        if found is not None and not _is_same(definition_of(found), definition):
            return None
        return name

    def _has(self, schema: Schema, definition: StrawberryObjectDefinition, name: str, field: StrawberryField) -> bool:
        """Tell whether a schema has the field, and reads it as it is."""
        found = graphql_type(schema, self._names.from_type(definition))
        if found is None:
            return any(each.python_name == field.python_name for each in schema.get_fields(definition))
        served = served_field(found, name)
        return served is not None and served.python_name == field.python_name and is_plain(served)


def _is_same(found: object, definition: StrawberryObjectDefinition) -> bool:
    if not isinstance(found, StrawberryObjectDefinition):
        return False
    # The roots of a schema may be made anew from the classes that it is given.
    return issubclass(value_class(found), value_class(definition))


WITHOUT_SCHEMA = SchemaView()
"""How results are shown where there is no schema, as over plain HTTP."""
