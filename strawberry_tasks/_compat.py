"""Every reach into Strawberry beyond its documented API, in one place.

Works with strawberry-graphql 0.330.3 and later. Look here first when a new version of Strawberry breaks something.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeAlias, get_args, get_origin

from graphql import (
    FieldNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
)
from strawberry.annotation import StrawberryAnnotation
from strawberry.file_uploads import Upload
from strawberry.parent import StrawberryParent
from strawberry.relay import GlobalID, Node
from strawberry.scalars import ID, JSON
from strawberry.schema import Schema
from strawberry.schema.name_converter import NameConverter
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.arguments import StrawberryArgumentAnnotation
from strawberry.types.auto import StrawberryAuto
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    StrawberryTypeVar,
    get_object_definition,
)
from strawberry.types.cast import get_strawberry_type_cast
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import UNRESOLVED, StrawberryField
from strawberry.types.fields.resolver import Parameter
from strawberry.types.info import Info
from strawberry.types.lazy_type import LazyType
from strawberry.types.maybe import Maybe, Some
from strawberry.types.private import is_private
from strawberry.types.scalar import ScalarDefinition, ScalarWrapper
from strawberry.types.union import StrawberryUnion
from strawberry.types.unset import UNSET

__all__ = [
    "DEFAULT_NAMES",
    "DEFAULT_SCALAR_REGISTRY",
    "ID",
    "JSON",
    "UNSET",
    "GlobalID",
    "Info",
    "LazyType",
    "Maybe",
    "Parameter",
    "ScalarSource",
    "Schema",
    "Some",
    "StrawberryAuto",
    "StrawberryEnumDefinition",
    "StrawberryField",
    "StrawberryList",
    "StrawberryMaybe",
    "StrawberryObjectDefinition",
    "StrawberryOptional",
    "StrawberryParent",
    "StrawberryTypeVar",
    "StrawberryUnion",
    "Upload",
    "argument_name",
    "argument_type",
    "cast_target",
    "definition_of",
    "enum_names",
    "evaluate",
    "field_key",
    "field_source",
    "field_type",
    "get_object_definition",
    "graphql_type",
    "info_of",
    "is_maybe",
    "is_possible",
    "is_private",
    "lazy_target",
    "named_argument",
    "node_type",
    "private_type",
    "resolve",
    "scalar_definition",
    "scalar_registry",
    "served_field",
    "subclasses",
    "subfield",
    "type_name",
    "value_class",
]

ScalarSource: TypeAlias = "ScalarDefinition | ScalarWrapper | GraphQLScalarType"
"""What a ``scalar_map`` may hold, and what GraphQL itself brings."""

DEFAULT_NAMES = NameConverter()
"""How types and fields are called where no schema says otherwise."""


def evaluate(annotation: object, namespace: Mapping[str, object]) -> Any:
    """Return an annotation with its strings and forward references replaced by what they name.

    Raises:
        NameError: If a name in it is not in the namespace.
    """
    # Strawberry adds names to the namespace it is given, and this one is a module's.
    return StrawberryAnnotation(annotation, namespace=dict(namespace)).evaluate()


def resolve(annotation: object, namespace: Mapping[str, object]) -> Any:
    """Return an annotation as the Strawberry type that it stands for."""
    return StrawberryAnnotation(annotation, namespace=dict(namespace)).resolve()


def argument_type(annotation: object) -> object:
    """Return what the annotation's ``strawberry.argument(graphql_type=...)`` says, or the annotation itself."""
    if get_origin(annotation) is Annotated:
        for extra in get_args(annotation)[1:]:
            if isinstance(extra, StrawberryArgumentAnnotation):
                override = getattr(extra, "graphql_type", None)
                if override is not None:
                    return override
    return annotation


def argument_name(annotation: object) -> str | None:
    """Return the name in GraphQL that the annotation's ``strawberry.argument(name=…)`` says, if it says one."""
    said = next((extra for extra in _extras(annotation) if isinstance(extra, StrawberryArgumentAnnotation)), None)
    return None if said is None else said.name


def is_maybe(annotation: object) -> bool:
    """Tell whether an argument may be left out because it is a ``strawberry.Maybe``."""
    bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return get_origin(bare) is Maybe


def named_argument(annotation: Any, name: str) -> object:
    """Return the annotation of an argument with its name in GraphQL, unless it says one itself."""
    extras = _extras(annotation)
    said = next((extra for extra in extras if isinstance(extra, StrawberryArgumentAnnotation)), None)
    named = StrawberryArgumentAnnotation() if said is None else copy.copy(said)
    named.name = named.name or name
    bare = get_args(annotation)[0] if extras else annotation
    return Annotated[(bare, *(extra for extra in extras if extra is not said), named)]


def _extras(annotation: object) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def field_type(field: StrawberryField, definition: StrawberryObjectDefinition) -> Any:
    """Return the Strawberry type of a field, or None if it names a class that does not exist yet."""
    resolved = field.resolve_type(type_definition=definition)
    return None if resolved is UNRESOLVED else resolved


def field_source(field: StrawberryField) -> str:
    """Return a field's annotation as it was written."""
    annotation = field.type_annotation
    return str(annotation.raw_annotation if annotation is not None else field.type)


def private_type(field: dataclasses.Field[Any], definition: StrawberryObjectDefinition) -> Any:
    """Return the type inside a ``strawberry.Private`` annotation, which is still a string under postponed evaluation.

    Raises:
        NameError: If it names a class that does not exist yet.
    """
    owner = _declaring_class(field.name, definition.origin)
    namespace = vars(sys.modules[owner.__module__])
    annotation = evaluate(field.type, namespace)
    inner = get_args(annotation)[0] if is_private(annotation) else annotation
    if inner is list:
        return inner  # Strawberry looks for its items.
    return StrawberryAnnotation(inner, namespace=dict(namespace)).resolve(type_definition=definition)


def _declaring_class(name: str, cls: type) -> type:
    return next((base for base in cls.__mro__ if name in inspect.get_annotations(base)), cls)


def field_key(field: StrawberryField) -> str:
    """Return the field's name in GraphQL."""
    return DEFAULT_NAMES.from_field(field)


def type_name(definition: StrawberryObjectDefinition) -> str:
    """Return the type's name in GraphQL, which for a generic one includes its arguments."""
    return DEFAULT_NAMES.from_object(definition)


def graphql_type(schema: Schema, name: str) -> GraphQLNamedType | None:
    """Return the type of a schema that is served under a name."""
    return schema._schema.get_type(name)


def definition_of(type_: GraphQLNamedType) -> object:
    """Return what Strawberry has made a served type of."""
    return type_.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)


def served_field(type_: GraphQLNamedType, name: str) -> StrawberryField | None:
    """Return a field of a served type; None if something else than Strawberry resolves it, such as a visitor of the schema."""
    served: Any = getattr(type_, "fields", {}).get(name)
    if served is None or getattr(served.resolve, "__module__", None) != GraphQLCoreConverter.__module__:
        return None
    field = served.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return field if isinstance(field, StrawberryField) and not hasattr(served.resolve, "__wrapped__") else None


def is_possible(schema: Schema, abstract: str, name: str) -> bool:
    """Tell whether a type may stand where a union or an interface does; a schema without those has no say."""
    type_, member = graphql_type(schema, abstract), graphql_type(schema, name)
    if not isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
        return True
    return isinstance(member, GraphQLObjectType) and schema._schema.is_sub_type(type_, member)


def scalar_registry(schema: Schema) -> Mapping[object, ScalarSource]:
    """Return the scalars of a schema by the types that they show."""
    return schema.schema_converter.scalar_registry


def enum_names(definition: StrawberryEnumDefinition) -> dict[str, str]:
    """Return the GraphQL name of each member, by its name in Python."""
    members: Sequence[Any] = list(definition.wrapped_cls)
    return {member.name: value.name for member, value in zip(members, definition.values, strict=True)}


def scalar_definition(
    type_: object, registry: Mapping[object, ScalarSource]
) -> ScalarDefinition | GraphQLScalarType | None:
    """Return how a type is read and written if it is a scalar, looking where Strawberry does."""
    for key in (type_, get_origin(type_)):
        found = _lookup(key, registry) if key is not None else None
        if found is not None:
            return found._scalar_definition if isinstance(found, ScalarWrapper) else found
    return getattr(type_, "_scalar_definition", None)


def _lookup(key: object, registry: Mapping[object, ScalarSource]) -> ScalarSource | None:
    try:
        return registry.get(key)
    except TypeError:
        return None  # Unhashable, so no key.


def lazy_target(lazy: LazyType[Any, Any]) -> Any:
    """Return the class behind ``strawberry.lazy``, or None while its module is not imported.

    Importing it here would run user code in the middle of a declaration, in an order nobody expects.
    """
    name = importlib.util.resolve_name(lazy.module, lazy.package) if lazy.package else lazy.module
    module = sys.modules.get(name)
    if module is None or lazy.type_name not in vars(module):
        return None
    return lazy.resolve_type()


def node_type(name: str) -> StrawberryObjectDefinition | None:
    """Return the definition of a relay node's type, by its name in GraphQL.

    Raises:
        LookupError: If several types have the name.
    """
    found = {}
    for cls in subclasses(Node):
        definition = get_object_definition(cls)
        if definition is not None and definition.origin is cls and type_name(definition) == name:
            found[cls] = definition
    if len(found) > 1:
        raise LookupError(f"GlobalID: expected one node type of the name {name!r}, got {', '.join(map(repr, found))}.")
    return next(iter(found.values()), None)


def info_of(cls: type, raw: object) -> object:
    """Return an instance of the user's own class of `Info`, over what stands for graphql-core's."""
    return cls(_raw_info=raw, _field=None)


def value_class(definition: StrawberryObjectDefinition) -> type:
    """Return the class that users make instances of; ``Page[int]`` is a class of its own only inside Strawberry."""
    while definition.concrete_of is not None and definition.concrete_of.is_graphql_generic:
        definition = definition.concrete_of
    return definition.origin


def cast_target(value: object) -> type | None:
    """Return the type that ``strawberry.cast`` has said a value is shown as."""
    return get_strawberry_type_cast(value)


def subclasses(cls: type) -> Iterator[type]:
    """Yield a class and all that derive from it."""
    yield cls
    derived: type
    for derived in type.__subclasses__(cls):
        yield from subclasses(derived)


def subfield(info: Info[Any, Any], path: Sequence[tuple[str, str]]) -> Info[Any, Any] | None:
    """Return what the resolver of a field further down will be told, None if that field is not selected.

    Args:
        info: Of the field that the way begins at.
        path: The GraphQL name of each type on the way, and the attribute that leads on.
    """
    found: Info[Any, Any] | None = info
    for typename, attribute in path:
        found = found and _child(found, typename, attribute)
    return found


def _child(info: Info[Any, Any], typename: str, attribute: str) -> Info[Any, Any] | None:
    raw, schema = info._raw_info, info.schema
    parent: Any = get_named_type(raw.return_type)
    if is_abstract_type(parent):
        parent = raw.schema.get_type(typename)
    definition = parent and schema.get_type_by_name(parent.name)
    fields = definition.fields if isinstance(definition, StrawberryObjectDefinition) else ()
    for field in fields:
        if field.python_name != attribute:
            continue
        name = schema.config.name_converter.get_graphql_name(field)
        nodes = [node for own in raw.field_nodes for node in _selected(own.selection_set, name, raw.fragments)]
        if nodes and name in parent.fields:
            below = raw._replace(
                field_name=name,
                field_nodes=nodes,
                return_type=parent.fields[name].type,
                parent_type=parent,
                path=raw.path.add_key(name, parent.name),
            )
            return schema.config.info_class(_raw_info=below, _field=field)
    return None


def _selected(selections: SelectionSetNode | None, name: str, fragments: Mapping[str, Any]) -> Iterator[FieldNode]:
    """Yield where a field is selected, under whatever alias, condition or type."""
    for node in selections.selections if selections else ():
        if isinstance(node, FieldNode):
            if node.name.value == name:
                yield node
        else:
            inner: Any = node if hasattr(node, "selection_set") else fragments.get(node.name.value)  # type: ignore[attr-defined]
            yield from _selected(inner and inner.selection_set, name, fragments)
