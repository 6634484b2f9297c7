"""GraphQL operations in tests: run inline, without a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from strawberry.schema.base import BaseSchema

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.testing import inline


class Person(NamedTuple):
    """A user as Django has them."""

    pk: int | None = 1
    is_authenticated: bool = True
    is_staff: bool = False


def execute(schema: BaseSchema, document: str, variables: Mapping[str, Any] | None = None, user: object = None) -> Any:
    """Execute an operation that must not fail, and return its data."""
    result = schema.execute_sync(document, variable_values=dict(variables or {}), context_value={"user": user})
    assert not result.errors, result.errors
    return result.data


def refuse(
    schema: BaseSchema, document: str, variables: Mapping[str, Any] | None = None, user: object = None
) -> tuple[str, str | None]:
    """Execute an operation that must fail once, and return the message and the code."""
    result = schema.execute_sync(document, variable_values=dict(variables or {}), context_value={"user": user})
    assert result.errors is not None
    (error,) = result.errors
    return error.message, (error.extensions or {}).get("code")


def perform(
    tasks: Tasks, document: str, variables: Mapping[str, Any] | None = None, *, types: Sequence[type] = ()
) -> Any:
    """Start the document's only task through GraphQL, perform it inline, and return its handle."""
    schema = Schema(extensions=[tasks.extension], types=types)
    with inline(tasks):
        (handle,) = execute(schema, document, variables).values()
    return handle
