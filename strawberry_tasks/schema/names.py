"""Other names for our own types, and one scalar for one name, in the schemas that ask for it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from strawberry.exceptions import DuplicatedTypeName, ScalarAlreadyRegisteredError
from strawberry.relay import PageInfo
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter

from .._compat import (
    DEFAULT_SCALAR_REGISTRY,
    JSON,
    StrawberryEnumDefinition,
    StrawberryObjectDefinition,
    scalar_definition,
)
from ..errors import ConfigurationError
from ..status import TaskStatus
from .schedules import TaskSchedule
from .types import TaskFailure, TaskHandle, TaskHandleConnection, TaskHandleEdge, UntypedTaskHandle

_SCALARS: Mapping[str, Any] = {"JSON": JSON, "DateTime": datetime}
_CLASSES: Mapping[str, type] = {
    "TaskHandle": TaskHandle,
    "UntypedTaskHandle": UntypedTaskHandle,
    "TaskHandleConnection": TaskHandleConnection,
    "TaskHandleEdge": TaskHandleEdge,
    "TaskFailure": TaskFailure,
    "TaskStatus": TaskStatus,
    "TaskSchedule": TaskSchedule,
    "PageInfo": PageInfo,
}


def renamed(config: StrawberryConfig, names: Mapping[str, str]) -> StrawberryConfig:
    """Return a schema's configuration with other names for our types.

    Args:
        config: The user's; it stays as it is.
        names: The other names of `TYPES`.
    """
    if not names:
        return config
    classes = {_CLASSES[origin]: name for origin, name in names.items() if origin in _CLASSES}
    scalars = {
        kind: replace(_definition(kind), name=names[origin], implementation=None)
        for origin, kind in _SCALARS.items()
        if origin in names
    }
    changed = copy.copy(config)
    changed.name_converter = _renaming(config.name_converter, classes)
    changed.scalar_map = {**scalars, **config.scalar_map}
    return changed


def build(make: Callable[..., None], given: Mapping[str, Any], converter: Callable[[], Any]) -> None:
    """Make a schema; where it has a scalar of its own that is called as Strawberry's `JSON` is, ours is that one, too.

    Args:
        make: Makes the schema.
        given: Its arguments, ``config`` among them.
        converter: Returns the schema's converter, also when making it has failed.

    Raises:
        DuplicatedTypeName: If two types have one name; has a note if one of them is ours.
        ConfigurationError: If a type has the name of one of our scalars.
    """
    try:
        make(**given)
    except ScalarAlreadyRegisteredError as error:
        config = _yielding(given["config"], error.scalar_definition, converter())
        if config is None:
            raise
        make(**{**given, "config": config})
    except DuplicatedTypeName as error:
        for name in (name for name, ours in _CLASSES.items() if ours in {error.first_cls, error.second_cls}):
            error.add_note(_hint(name))
        raise
    except TypeError as error:
        # Strawberry takes what a scalar meets for another scalar.
        met: str = getattr(getattr(error.__cause__, "obj", None), "name", "")
        if met not in _SCALARS:
            raise
        raise ConfigurationError(f"types: expected one type of the name {met}, got two. {_hint(met)}") from error


def _yielding(config: StrawberryConfig, refused: Any, converter: Any) -> StrawberryConfig | None:
    """Return a configuration in which the user's scalar of the name is Strawberry's `JSON`, too; ``None`` if none met that."""
    known = converter.type_map[refused.name].definition  # Only that one which came second is refused.
    theirs = [found for found in (refused, known) if found is not _definition(JSON)]
    if len(theirs) != 1:
        return None
    yielding = copy.copy(config)
    yielding.scalar_map = {JSON: theirs[0], **config.scalar_map}
    return yielding


def _hint(name: str) -> str:
    return f'One of them comes with the tasks; give it another name: Tasks(types={{"{name}": …}}).'


def _definition(kind: object) -> Any:
    return scalar_definition(kind, DEFAULT_SCALAR_REGISTRY)


def _renaming(converter: NameConverter, names: Mapping[type, str]) -> NameConverter:
    """Return a converter that does as this one does, but for some types; also where this one asks itself."""
    kind: Any = type(converter)

    class Renaming(kind):  # type: ignore[misc]
        def from_object(self, object_type: StrawberryObjectDefinition) -> str:
            return names.get(object_type.origin) or super().from_object(object_type)

        def from_interface(self, interface: StrawberryObjectDefinition) -> str:
            return names.get(interface.origin) or super().from_interface(interface)

        def from_enum(self, enum: StrawberryEnumDefinition) -> str:
            return names.get(enum.wrapped_cls) or super().from_enum(enum)

    renaming = copy.copy(converter)
    renaming.__class__ = Renaming
    return renaming
