"""The schema of a subgraph: what comes with tasks fits into a supergraph with other services that have tasks.

Only who asks for it imports it: the federation's directives take as long to import as all GraphQL types of ours.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import strawberry.federation
from strawberry.federation.schema_directives import Link, Shareable
from strawberry.relay import PageInfo
from strawberry.schema.config import StrawberryConfig

from .extension import TasksSchema, only_registry, with_tasks
from .names import build
from .roots import as_class
from .schedules import TaskSchedule
from .types import TaskFailure, TaskHandleConnection, TaskHandleEdge, UntypedTaskHandle

_FEDERATION = "https://specs.apollo.dev/federation/"
_SHARED = (UntypedTaskHandle, TaskFailure, TaskHandleConnection, TaskHandleEdge, TaskSchedule, PageInfo)


class FederationSchema(TasksSchema, strawberry.federation.Schema):
    """`strawberry.federation.Schema` in the same way as `Schema`."""

    def __init__(
        self,
        query: type | None = None,
        mutation: type | None = None,
        subscription: type | None = None,
        *,
        types: Iterable[Any] = (),
        extensions: Iterable[Any] = (),
        config: StrawberryConfig | None = None,
        **options: Any,
    ) -> None:
        own = {"query": query, "mutation": mutation, "subscription": subscription}
        extensions = tuple(extensions)
        registry = only_registry(extensions)
        given = with_tasks(own, types, extensions, config, registry)
        given["query"] = as_class(given["query"])
        build(partial(super().__init__, **options), given, lambda: self.schema_converter)
        self._complete(own, registry)
        if registry is not None:
            share(self)


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
