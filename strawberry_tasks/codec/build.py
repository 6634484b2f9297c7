"""From a resolved type to its shape, all at once when a task is declared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, get_args, get_origin

from .._compat import (
    DEFAULT_SCALAR_REGISTRY,
    JSON,
    UNSET,
    LazyType,
    ScalarSource,
    StrawberryEnumDefinition,
    StrawberryField,
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    StrawberryTypeVar,
    StrawberryUnion,
    Upload,
    field_key,
    field_type,
    get_object_definition,
    is_guarded,
    lazy_target,
    private_type,
    scalar_definition,
    subclasses,
    type_name,
    value_class,
)
from ..errors import TaskDeclarationError
from .abstract import interface_shape, union_shape
from .containers import list_shape, maybe_shape, optional_shape
from .models import is_model, row_shape
from .objects import Member, complete_object
from .refusals import describe, refuse
from .scalars import BUILTIN, custom_scalar, enum_shape, upload_shape
from .shape import Shape, incomplete
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
        self.has_models = False
        self.has_uploads = False
        self.has_hidden = False
        self._where = where
        self.output = output
        self._scalars = scalar_map
        self._objects: dict[object, Shape] = {}
        self._pending: list[Callable[[], None]] = []

    def build(self, type_: Any, at: str = "", also: Extra | None = None) -> Shape:
        """Return the shape of a type.

        Args:
            type_: The type, resolved.
            at: Where it stands, for errors: e.g. ``field 'since' of 'Filter'``.
            also: Makes shapes of types that may stand just here, besides those of GraphQL.

        Raises:
            TaskDeclarationError: If values of the type cannot cross.
        """
        if isinstance(type_, StrawberryMaybe):
            return maybe_shape(self.build(type_.of_type, at, also))
        if isinstance(type_, StrawberryOptional):
            return optional_shape(self.build(type_.of_type, at, also))
        if isinstance(type_, StrawberryList):
            return list_shape(self.build(type_.of_type, at, also), any_iterable=self.output)
        if isinstance(type_, LazyType):
            return self._later(type_.type_name, at, lambda: lazy_target(type_), type_.resolve_type)
        if isinstance(type_, StrawberryUnion) and self.output:
            return self._union(type_, at)
        if isinstance(type_, StrawberryEnumDefinition):
            return enum_shape(type_)
        return self._scalar(type_, at) or (also and also(type_)) or self._class(type_, at)

    def row(self, type_: object) -> Shape | None:
        """Return the shape of a Django model's rows, where ``build`` may meet one."""
        if not is_model(type_):
            return None
        self.has_models = True
        return row_shape(type_)

    def finish(self) -> None:
        """Build what had to wait for a module or a class that did not exist yet.

        Raises:
            TaskDeclarationError: If it cannot cross, or still does not exist.
        """
        while self._pending:
            self._pending[-1]()

    def refuse(self, type_: object, at: str = "", why: str = "") -> TaskDeclarationError:
        """Make the error that refuses a type."""
        return refuse(self._where, at, type_, output=self.output, why=why)

    def _scalar(self, type_: Any, at: str) -> Shape | None:
        own = scalar_definition(type_, self._scalars)
        if own is not None:
            return custom_scalar(own)
        if type_ is JSON:
            return lenient_json() if self.output else strict_json()
        if type_ is Upload:
            if self.output:
                raise self.refuse(type_, at)
            self.has_uploads = True
            return upload_shape()
        if isinstance(type_, type | Callable) and type_ in BUILTIN:  # type: ignore[arg-type]
            return BUILTIN[type_]()
        definition = scalar_definition(type_, DEFAULT_SCALAR_REGISTRY)
        return None if definition is None else custom_scalar(definition)

    def _row_or_json(self, type_: object) -> Shape | None:
        """Private fields are nobody's business but ours, so they may hold any JSON, and rows too."""
        return strict_json() if is_open(type_) else self.row(type_)

    def _class(self, type_: Any, at: str) -> Shape:
        definition = get_object_definition(type_)
        if definition is None or definition.is_input is self.output:
            raise self.refuse(type_, at)
        if definition.origin is not type_:
            raise self.refuse(type_, at, f"It only inherits from {definition.name}; decorate it too.")
        if definition.is_interface:
            return self._interface(definition, at)
        return self._object(definition, at)

    def _object(self, definition: StrawberryObjectDefinition, at: str) -> Shape:
        cls = value_class(definition)
        # Strawberry makes a new class whenever it resolves Page[int], so the class can't be the key.
        name = type_name(definition)
        shape = self._objects.get((cls, name))
        if shape is None:
            django = getattr(cls, "__strawberry_django_definition__", None)
            if django is not None and self.output:
                self.has_models = True
                return self._objects.setdefault((cls, name), row_shape(django.model, typename=name))
            shape = self._objects[cls, name] = incomplete(cls.__name__)
            try:
                complete_object(shape, cls, list(self._members(definition, cls)), one_of=definition.is_one_of)
            except TaskDeclarationError:
                del self._objects[cls, name]
                raise
        return shape

    def _members(self, definition: StrawberryObjectDefinition, cls: type) -> Iterator[Member]:
        exposed = {field.python_name: field for field in definition.fields}
        # A pydantic model keeps its own defaults and fills them in itself.
        for field in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else definition.fields:
            shown = exposed.get(field.name)
            if getattr(shown or field, "base_resolver", None) is not None:
                continue
            at = f"field {field.name!r} of {definition.name}"
            if shown is None:
                yield self._private_member(field, definition, at)
            else:
                yield self._member(shown, field, definition, at)

    def _member(
        self, shown: StrawberryField, field: dataclasses.Field[Any], definition: StrawberryObjectDefinition, at: str
    ) -> Member:
        type_ = field_type(shown, definition)
        if type_ is None:
            shape = self._later(shown.name, at, lambda: field_type(shown, definition), None)
        else:
            shape = self.build(type_, at)
        self.has_hidden = self.has_hidden or is_guarded(shown)
        own = dataclasses.is_dataclass(value_class(definition))
        default = _default(field) if own else None
        if own and default is None and field.init and isinstance(type_, StrawberryOptional):
            default = _none  # As in GraphQL, where a nullable field may be left out.
        return Member(
            name=field.name,
            key=field_key(shown),
            shape=shape,
            default=default,
            required=own and field.init,
            shown=not is_guarded(shown),
        )

    def _private_member(self, field: dataclasses.Field[Any], definition: StrawberryObjectDefinition, at: str) -> Member:
        self.has_hidden = True
        type_ = private_type(field, definition)
        try:
            shape = self.build(type_, at, self._row_or_json)
        except TaskDeclarationError as error:
            raise TaskDeclarationError(
                f"{error} A strawberry.Private field travels with its object; what can't must not be one."
            ) from error
        return Member(
            name=field.name,
            key=f"private.{field.name}",
            shape=shape,
            default=_default(field),
            required=field.init,
            shown=False,
        )

    def _union(self, union: StrawberryUnion, at: str) -> Shape:
        def arms(resolve: Callable[[LazyType[Any, Any]], Any]) -> Any:
            types = [resolve(type_) if isinstance(type_, LazyType) else type_ for type_ in union.types]
            return None if None in types else types

        def build(types: Any) -> Shape:
            definitions = [get_object_definition(type_) for type_ in types]
            for type_, definition in zip(types, definitions, strict=True):
                if definition is None or definition.is_input or definition.is_interface:
                    raise self.refuse(type_, at, "The members of a union are object types.")
            shapes = {
                type_name(definition): self._class(definition.origin, at) for definition in definitions if definition
            }
            return union_shape(name, shapes)

        name = union.graphql_name or " | ".join(describe(a) for a in union.types)
        return self._later(name, at, lambda: arms(lazy_target), lambda: arms(lambda lazy: lazy.resolve_type()), build)

    def _interface(self, definition: StrawberryObjectDefinition, at: str) -> Shape:
        interface = definition.origin
        self.has_models = self.has_hidden = True  # Implementations that say otherwise may come later.

        def implementations() -> Iterator[StrawberryObjectDefinition]:
            for cls in subclasses(interface):
                found = get_object_definition(cls)
                if found is not None and found.origin is cls and not (found.is_interface or found.is_input):
                    yield found

        def of_value(value: object) -> tuple[str, Shape] | None:
            own = get_object_definition(type(value))
            if own is None and is_model(type(value)):
                own = next((found for found in implementations() if _shows(found, value)), None)
            if own is None or not issubclass(own.origin, interface) or own.is_interface:
                return None
            return type_name(own), self._object(own, at)

        def of_name(name: str) -> Shape | None:
            found = next((found for found in implementations() if type_name(found) == name), None)
            return self._object(found, at) if found else None

        return interface_shape(definition.name, of_value, of_name)

    def _later(
        self,
        name: str,
        at: str,
        find: Callable[[], Any],
        insist: Callable[[], Any] | None,
        build: Callable[[Any], Shape] | None = None,
    ) -> Shape:
        """Return the shape of what may not exist yet; then it is built when it is first used.

        Args:
            name: How errors call it.
            at: Where it stands.
            find: Returns the type, or None while it does not exist.
            insist: Imports it if need be.
            build: Makes the shape of the type, if not `Builder.build`.
        """
        make = build or (lambda type_: self.build(type_, at))
        found = find()
        if found is not None:
            return make(found)
        shape = incomplete(name)

        def complete() -> Shape:
            try:
                type_ = insist() if insist else find()
            except Exception as error:
                raise self.refuse(name, at, f"It cannot be imported: {error}") from error
            if type_ is None:
                raise self.refuse(name, at, "No such name is defined in its module.")
            real = make(type_)
            shape.dump, shape.load = lambda *args: real.dump(*args), lambda *args: real.load(*args)
            shape.uploads, shape.publish = lambda data: real.uploads(data), lambda data: real.publish(data)
            if complete in self._pending:
                self._pending.remove(complete)
            return shape

        shape.dump, shape.load = lambda *args: complete().dump(*args), lambda *args: complete().load(*args)
        shape.uploads, shape.publish = lambda data: complete().uploads(data), lambda data: complete().publish(data)
        self._pending.append(complete)
        return shape


def _default(field: dataclasses.Field[Any]) -> Callable[[], object] | None:
    if field.default is not dataclasses.MISSING:
        value = field.default
        return lambda: value
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    return None


def _none() -> None:
    return None


def is_open(type_: object) -> bool:
    """Tell whether a type says no more than that its values are JSON."""
    if type_ in (Any, object, JSON, dict, list) or get_origin(type_) in (dict, Mapping):
        return True
    return get_origin(type_) is list and all(is_open(argument) for argument in get_args(type_))


def _shows(definition: StrawberryObjectDefinition, value: object) -> bool:
    django = getattr(definition.origin, "__strawberry_django_definition__", None)
    return django is not None and isinstance(value, django.model)
