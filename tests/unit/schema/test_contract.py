"""Names and nullability of what clients see: the contract that clients are written against."""

from __future__ import annotations

import strawberry
from graphql import build_schema, is_enum_type, is_interface_type, is_object_type

from strawberry_tasks import Schema, Tasks

CONTRACT = """
scalar JSON
scalar DateTime

interface TaskHandle {
  id: ID!
  taskId: ID!
  name: String!
  queue: String!
  status: TaskStatus!
  isTerminal: Boolean!
  progress: Float!
  progressCurrent: Float
  progressTotal: Float
  progressMessage: String
  result: JSON
  error: String
  failure: TaskFailure
  attempt: Int!
  maxRetries: Int!
  cancelRequested: Boolean!
  tags: [String!]!
  retryOf: ID
  createdAt: DateTime!
  scheduledFor: DateTime
  startedAt: DateTime
  completedAt: DateTime
  expiresAt: DateTime
  version: Int!
}

enum TaskStatus { PENDING RUNNING RETRYING COMPLETED FAILED CANCELED }

type TaskFailure {
  code: String!
  message: String!
  exception: String
  traceback: String
}

type PageInfo {
  hasNextPage: Boolean!
  hasPreviousPage: Boolean!
  startCursor: String
  endCursor: String
}

type TaskHandleEdge {
  node: TaskHandle!
  cursor: String!
}

type TaskHandleConnection {
  edges: [TaskHandleEdge!]!
  nodes: [TaskHandle!]!
  pageInfo: PageInfo!
}

type Query {
  task(id: ID!): TaskHandle
  tasks(status: [TaskStatus!], name: String, tag: String, first: Int, after: String): TaskHandleConnection!
}

type Mutation {
  syncInventory(provider: String!): TaskHandle!
  cancelTask(taskId: ID!): TaskHandle!
  retryTask(taskId: ID!): TaskHandle!
}

type Subscription {
  taskProgress(taskId: ID!, after: Int): TaskHandle!
  taskUpdated(taskId: ID): TaskHandle!
}
"""


@strawberry.type
class InventoryReport:
    updated: int


def brought() -> strawberry.Schema:
    """Make a schema with the contract's example task."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def sync_inventory(provider: str) -> InventoryReport:
        """Pull stock levels from a provider."""
        return InventoryReport(updated=len(provider))

    return Schema(extensions=[tasks.extension])


def signatures(type_: object) -> dict[str, str]:
    """Return a type's fields, each with its arguments and its type; of an enum its values."""
    if is_enum_type(type_):
        return dict.fromkeys(type_.values, "")
    assert is_object_type(type_) or is_interface_type(type_)
    return {
        name: f"({', '.join(f'{argument}: {is_.type}' for argument, is_ in field.args.items())}): {field.type}"
        for name, field in type_.fields.items()
    }


def test_contract() -> None:
    """Every type of the contract has the contract's fields, arguments and types."""
    expected = {
        name: signatures(type_)
        for name, type_ in build_schema(CONTRACT).type_map.items()
        if not name.startswith("__") and (is_object_type(type_) or is_interface_type(type_) or is_enum_type(type_))
    }
    expected["Mutation"]["syncInventory"] = "(provider: String!): SyncInventoryTaskHandle!"

    types = brought()._schema.type_map

    assert {name: signatures(types[name]) for name in expected} == expected


def test_typed_handle() -> None:
    """A typed handle has every field of the interface, and a nullable output."""
    types = brought()._schema.type_map

    fields = signatures(types["SyncInventoryTaskHandle"])

    assert fields == {**signatures(types["TaskHandle"]), "output": "(): InventoryReport"}
    assert [interface.name for interface in types["SyncInventoryTaskHandle"].interfaces] == ["TaskHandle"]


def test_untyped_handle() -> None:
    """An untyped handle has the fields of the interface alone."""
    types = brought()._schema.type_map

    assert signatures(types["UntypedTaskHandle"]) == signatures(types["TaskHandle"])


def test_everything_is_described() -> None:
    """Every field of the contract has a description."""
    types = brought()._schema.type_map

    bare = [
        f"{name}.{field_name}"
        for name in (
            "TaskHandle",
            "TaskFailure",
            "TaskHandleConnection",
            "TaskHandleEdge",
            "Query",
            "Mutation",
            "Subscription",
        )
        for field_name, field in types[name].fields.items()
        if not field.description
    ]

    assert bare == []
