"""The tasks' fields lie in the user's own root types, which stay what they are."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
import strawberry
from strawberry.types.base import get_object_definition

import strawberry_tasks.federation
from strawberry_tasks import Schema, Tasks
from strawberry_tasks.testing import inline
from tests.operations import execute


@strawberry.type
class Refused:
    reason: str


@strawberry.type
class Query:
    hello: str = "hello"

    @strawberry.field
    def me(self) -> Annotated[Query | Refused, strawberry.union("QueryOrRefused")]:
        return Query()

    @strawberry.field
    def again(self) -> Query:
        return Query()

    @strawberry.field
    def loose(self) -> Query:
        return {"no": "instance"}  # type: ignore[return-value]


@strawberry.type
class Placed:
    number: int
    query: Query


@strawberry.type
class Mutation:
    @strawberry.mutation
    def place(self, number: int) -> Query | Refused:  # type: ignore[return]
        return Query() if number else Refused(reason="none")

    @strawberry.mutation
    def place_and_return(self) -> Placed:
        return Placed(number=1, query=Query())

    @strawberry.mutation
    def mutate_more(self) -> Annotated[Mutation | Refused, strawberry.union("MutationOrRefused")]:
        return Mutation()


def declared() -> Tasks:
    """Make tasks with one mutation."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def count() -> int:
        return 1

    return tasks


@pytest.mark.parametrize(
    ("document", "data"),
    [
        (
            "{ me { __typename ... on Query { hello tasks { nodes { id } } } } }",
            {"hello": "hello", "tasks": {"nodes": []}},
        ),
        ("mutation { place(number: 1) { __typename ... on Query { hello } } }", {"hello": "hello"}),
        ("{ loose { __typename tasks { nodes { id } } } }", {"tasks": {"nodes": []}}),
        ('{ again { __typename hello task(id: "x") { id } } }', {"hello": "hello", "task": None}),
    ],
)
def test_a_root_type_as_a_result(document: str, data: dict[str, Any]) -> None:
    """A root type may be the member of a union, or a field's type, and has the tasks' fields there, too."""
    schema = Schema(Query, Mutation, extensions=[declared().extension])

    (found,) = execute(schema, document).values()

    assert found == {"__typename": "Query", **data}


def test_a_payload_with_the_root() -> None:
    """A payload that holds the query root shows the tasks through it."""
    tasks = declared()
    schema = Schema(Query, Mutation, extensions=[tasks.extension])

    with inline(tasks):
        data = execute(schema, "mutation { placeAndReturn { query { __typename tasks { nodes { id } } } } }")

    assert data == {"placeAndReturn": {"query": {"__typename": "Query", "tasks": {"nodes": []}}}}


def test_the_mutation_type_as_a_result() -> None:
    """The mutation type works as a union's member as well."""
    schema = Schema(Query, Mutation, extensions=[declared().extension])

    data = execute(schema, "mutation { mutateMore { ... on Mutation { __typename } } }")

    assert data == {"mutateMore": {"__typename": "Mutation"}}


def test_one_root_type_in_several_schemas() -> None:
    """The user's classes are not changed: each schema has its own tasks' fields, and a plain one has none."""
    first, second = Tasks("memory://"), declared()

    @first.mutation()
    def other() -> int:
        return 1

    schemas = [Schema(Query, Mutation, extensions=[tasks.extension]) for tasks in (first, second)]
    plain = strawberry.Schema(Query, Mutation)

    assert ["other:" in schema.as_str() for schema in schemas] == [True, False]
    assert ["count:" in schema.as_str() for schema in schemas] == [False, True]
    assert "task" not in plain.as_str().lower()
    assert [field.name for field in get_object_definition(Query, strict=True).fields] == [
        "hello",
        "me",
        "again",
        "loose",
    ]
    assert schemas[0].query is Query


def test_fields_of_a_root_type_can_be_found() -> None:
    """What asks the schema for a field, as optimizers and codegen do, finds the brought ones."""
    schema = Schema(Query, Mutation, extensions=[declared().extension])

    found = [schema.get_field_for_type(name, kind) for name, kind in (("task", "Query"), ("count", "Mutation"))]

    assert None not in found


def test_a_federated_mutation_type_as_a_result() -> None:
    """So it is with federation, as far as Strawberry itself goes."""
    schema = strawberry_tasks.federation.Schema(
        mutation=strawberry.federation.type(Reordering), extensions=[declared().extension]
    )

    data = execute(schema, "mutation { again { ... on Reordering { __typename } } }")

    assert data == {"again": {"__typename": "Reordering"}}


class Reordering:
    @strawberry.mutation
    def again(self) -> Annotated[Annotated[Reordering, strawberry.lazy(__name__)] | Refused, strawberry.union("Again")]:
        return Reordering()
