"""What makes the types that come with tasks fit into a supergraph with other services that have tasks."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from strawberry.federation.schema_directives import Link, Shareable
from strawberry.relay import PageInfo

from .schedules import TaskSchedule
from .types import TaskFailure, TaskHandleConnection, TaskHandleEdge, UntypedTaskHandle

_FEDERATION = "https://specs.apollo.dev/federation/"
_SHARED = (UntypedTaskHandle, TaskFailure, TaskHandleConnection, TaskHandleEdge, TaskSchedule, PageInfo)


def share(schema: Any) -> None:
    """Mark the object types that each service with tasks has as `@shareable`, in this schema alone.

    They are values: whichever service returns one resolves all of it. The handle types of tasks are not among them, so that two
    services whose tasks have one name are told so when they are composed.

    Args:
        schema: A federation's schema.
    """
    shared = False
    for type_ in schema._schema.type_map.values():
        definition = type_.extensions.get("strawberry-definition")
        if getattr(definition, "origin", None) in _SHARED:
            directives = tuple(definition.directives or ())
            if not any(isinstance(directive, Shareable) for directive in directives):
                type_.extensions["strawberry-definition"] = replace(definition, directives=(*directives, Shareable()))
            shared = True
    if shared:
        _import_shareable(schema)


def _import_shareable(schema: Any) -> None:
    # Strawberry collects what is to be imported while it makes the schema, from definitions that all schemas have.
    links = list(schema.schema_directives)
    place = next((place for place, link in enumerate(links) if _is_federation(link)), len(links))
    if place == len(links):
        version = ".".join(str(part) for part in schema.federation_version)
        links.append(Link(url=f"{_FEDERATION}v{version}", import_=[]))
    imported = list(links[place].import_ or ())
    links[place] = copy.copy(links[place])
    links[place].import_ = imported if "@shareable" in imported else [*imported, "@shareable"]
    schema.schema_directives = links


def _is_federation(directive: Any) -> bool:
    return isinstance(directive, Link) and str(directive.url).startswith(_FEDERATION)
