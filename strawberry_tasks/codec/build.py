"""From a resolved type to its shape, all at once when a task is declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, get_args, get_origin

from graphql import GraphQLScalarType
from strawberry.types.scalar import ScalarDefinition

from .._compat import (
    DEFAULT_SCALAR_REGISTRY,
    ID,
    JSON,
    LazyType,
    ScalarSource,
    StrawberryEnumDefinition,
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    StrawberryUnion,
    Upload,
    get_object_definition,
    is_private,
    lazy_target,
    scalar_definition,
    type_name,
    value_class,
)
from ..errors import TaskDeclarationError
from .abstract import interface_shape, union_shape
from .containers import list_shape, maybe_shape, optional_shape
from .fields import Field, fields_of
from .later import Postponed
from .models import is_model, row_shape, shown_model
from .objects import Member, complete_object
from .refusals import describe, refuse
from .scalars import BUILTIN, custom_scalar, enum_shape, upload_shape
from .shape import Shape, incomplete
from .shown_rows import publish_rows
from .shown_scalars import any_shown, carried, publish_enum, publish_scalar
from .stand_ins import implementation_of, implementations
from .untyped import lenient_json, strict_json

__all__ = ["Builder", "is_open"]

Extra: TypeAlias = Callable[[object], "Shape | None"]


class Builder:
    """Builds the shapes of one parameter or result.

    Args:
        where: Opens every error, e.g. ``task 'syncInventory', parameter 'provider'``.
        output: Whether it is a result.
        scalar_map: The schema's own scalars.
    """

    def __init__(self, *, where: str, output: bool, scalar_map: Mapping[object, ScalarSource]) -> None:
        self.output = output
        self.has_models = False
        self.has_uploads = False
        self._where = where
        self._scalar_map = scalar_map
        self._objects: dict[tuple[type, str], Shape] = {}
        self._postponed = Postponed()

    def build(self, type_: Any, at: str = "", also: Extra | None = None) -> Shape:
        """Return the shape of a type.

        Args:
            type_: The type, resolved.
            at: Where it stands, for errors: e.g. ``field 'since' of Filter``.
            also: Makes shapes of types that may stand just here, besides those of GraphQL.

        Raises:
            TaskDeclarationError: If values of the type cannot cross.
        """
        if isinstance(type_, StrawberryOptional | StrawberryList):
            return self._container(type_, self.build(type_.of_type, at, also))
        if isinstance(type_, LazyType):
            return self._lazy(type_, at, also)
        if isinstance(type_, StrawberryUnion) and self.output:
            return self._union(type_, at)
        if isinstance(type_, StrawberryEnumDefinition):
            return self._enum(type_)
        return self._scalar(type_, at) or (also and also(type_)) or self._class(type_, at)

    def row(self, type_: object) -> Shape | None:
        """Return the shape of a Django model's rows; pass it as ``also`` where one may stand."""
        if not is_model(type_):
            return None
        self.has_models = True
        return row_shape(type_)

    def finish(self) -> None:
        """Build what had to wait for a module or a class that did not exist yet.

        Raises:
            TaskDeclarationError: If it cannot cross, or still does not exist.
        """
        self._postponed.finish()

    def refuse(self, type_: object, at: str = "", why: str = "") -> TaskDeclarationError:
        """Make the error that refuses a type."""
        return refuse(self._where, at, type_, output=self.output, why=why)

    def _enum(self, definition: StrawberryEnumDefinition) -> Shape:
        shape = enum_shape(definition, by_value=self.output)
        if self.output:
            publish_enum(shape, definition)
        return shape

    def _container(self, type_: StrawberryOptional | StrawberryList, inner: Shape) -> Shape:
        if isinstance(type_, StrawberryMaybe):
            return maybe_shape(inner)
        if isinstance(type_, StrawberryOptional):
            return optional_shape(inner)
        return list_shape(inner, any_iterable=self.output)

    def _lazy(self, lazy: LazyType[Any, Any], at: str, also: Extra | None) -> Shape:
        return self._postponed.shape(
            lazy.type_name,
            find=lambda: lazy_target(lazy),
            insist=lambda: self._import(lazy, at),
            build=lambda type_: self.build(type_, at, also),
        )

    def _import(self, lazy: LazyType[Any, Any], at: str) -> Any:
        try:
            return lazy.resolve_type()
        except (ImportError, KeyError) as error:
            why = f"There is no such name in {lazy.module}, where strawberry.lazy looks for it."
            raise self.refuse(lazy.type_name, at, why) from error

    def _scalar(self, type_: Any, at: str) -> Shape | None:
        own = scalar_definition(type_, self._scalar_map)
        if own is not None:
            return self._custom_scalar(type_, own)
        if type_ is JSON:
            return self._json()
        if type_ is Upload:
            return self._upload(type_, at)
        definition = scalar_definition(type_, DEFAULT_SCALAR_REGISTRY)
        make = BUILTIN.get(type_) if definition is None or type_ in BUILTIN else None
        if make is not None:
            return self._built_in_scalar(type_, make(), definition)
        return None if definition is None else self._custom_scalar(type_, definition)

    def _json(self) -> Shape:
        if not self.output:
            return strict_json()
        shape = lenient_json()
        publish_scalar(shape, JSON, scalar_definition(JSON, DEFAULT_SCALAR_REGISTRY), is_leaf=False)
        return shape

    def _custom_scalar(self, type_: object, definition: ScalarDefinition | GraphQLScalarType) -> Shape:
        if not self.output:
            return custom_scalar(definition)
        shape = carried(definition)
        publish_scalar(shape, type_, definition, is_leaf=False)
        return shape

    def _built_in_scalar(
        self, type_: object, strict: Shape, definition: ScalarDefinition | GraphQLScalarType | None
    ) -> Shape:
        if not self.output:
            return strict
        # Global ids are shown as `ID`, though Strawberry has a scalar for them.
        serialize = (definition or DEFAULT_SCALAR_REGISTRY[ID]).serialize
        shape = any_shown(type_, strict, serialize)
        publish_scalar(shape, type_, definition, is_leaf=True)
        return shape

    def _upload(self, type_: object, at: str) -> Shape:
        if self.output:
            raise self.refuse(type_, at)
        self.has_uploads = True
        return upload_shape()

    def _class(self, type_: Any, at: str) -> Shape:
        definition = get_object_definition(type_)
        if definition is None or definition.is_input is self.output:
            raise self.refuse(type_, at)
        if definition.origin is not type_:
            raise self.refuse(type_, at, f"It only inherits from {definition.name}; decorate it too.")
        if definition.is_interface:
            return self._interface(definition, at)
        return self._object(definition)

    def _object(self, definition: StrawberryObjectDefinition) -> Shape:
        cls = value_class(definition)
        # Strawberry makes a new class whenever it resolves Page[int], so a class alone can't be the key.
        key = (cls, type_name(definition))
        if key not in self._objects:
            model = shown_model(cls) if self.output else None
            if model is None:
                self._plain_object(key, definition)
            else:
                self.has_models = True
                row = self._objects[key] = row_shape(model, shown_as=cls, typename=type_name(definition))
                publish_rows(row, model, definition)
        return self._objects[key]

    def _plain_object(self, key: tuple[type, str], definition: StrawberryObjectDefinition) -> None:
        cls, _ = key
        shape = self._objects[key] = incomplete(cls.__name__)
        try:
            members = [self._member(field) for field in fields_of(definition, cls)]
        except TaskDeclarationError:
            del self._objects[key]
            raise
        complete_object(shape, cls, members, definition)

    def _member(self, field: Field) -> Member:
        return Member(
            name=field.name,
            key=field.key,
            shape=self._field_shape(field) if field.exposed else self._private_shape(field),
            default=field.default(),
            required=field.required,
            field=field.exposed,
        )

    def _field_shape(self, field: Field) -> Shape:
        def insist() -> Any:
            type_ = field.type()
            if type_ is None:
                raise self.refuse(field.source, field.place, "A name in it is not defined in its module.")
            if is_private(type_):
                raise self.refuse(
                    field.source, field.place, "Define what a strawberry.Private field holds above the task."
                )
            return type_

        return self._postponed.shape(
            field.source, find=field.type, insist=insist, build=lambda type_: self.build(type_, field.place)
        )

    def _private_shape(self, field: Field) -> Shape:
        def also(type_: object) -> Shape | None:
            # Clients never see it, so it may be what GraphQL has no type for, as long as JSON or a key can carry it.
            return strict_json() if is_open(type_) else self.row(type_)

        try:
            return self.build(field.type(), field.place, also)
        except (TaskDeclarationError, NameError) as error:
            why = "A strawberry.Private field travels with its object, so it has to hold plain JSON or a GraphQL type."
            raise self.refuse(field.source, field.place, why) from error

    def _union(self, union: StrawberryUnion, at: str) -> Shape:
        def arms(of_lazy: Callable[[LazyType[Any, Any]], Any]) -> list[Any] | None:
            types = [of_lazy(type_) if isinstance(type_, LazyType) else type_ for type_ in union.types]
            return None if None in types else types

        def build(types: list[Any]) -> Shape:
            return union_shape(describe(union), union, dict(self._arm(type_, at) for type_ in types))

        return self._postponed.shape(
            describe(union),
            find=lambda: arms(lazy_target),
            insist=lambda: arms(lambda lazy: self._import(lazy, at)),
            build=build,
        )

    def _arm(self, type_: Any, at: str) -> tuple[str, Shape]:
        definition = get_object_definition(type_)
        if definition is None or definition.is_input or definition.is_interface:
            raise self.refuse(type_, at, "The members of a union have to be object types.")
        return type_name(definition), self._class(type_, at)

    def _interface(self, definition: StrawberryObjectDefinition, at: str) -> Shape:
        # Which types implement it is known only when a value comes.
        self.has_models = True

        def of_value(value: object) -> tuple[str, Shape] | None:
            found = implementation_of(definition, value)
            return (type_name(found), self._object(found)) if found else None

        def of_name(name: str) -> Shape | None:
            found = next((type_ for type_ in implementations(definition) if type_name(type_) == name), None)
            return self._object(found) if found else None

        return interface_shape(definition, of_value, of_name)


def is_open(type_: object) -> bool:
    """Tell whether a type says no more than that its values are JSON."""
    if type_ in (Any, object, JSON, dict, list) or get_origin(type_) in (dict, Mapping):
        return True
    return get_origin(type_) is list and all(is_open(argument) for argument in get_args(type_))
