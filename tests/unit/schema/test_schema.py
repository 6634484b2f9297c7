"""The schema: what the extension brings, what is kept of the user's own, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import strawberry
import strawberry.federation
from strawberry.schema_directive import Location

from strawberry_tasks import (
    Schema,
    TaskMutation,
    TaskQuery,
    Tasks,
    TaskSubscription,
    UntypedTaskHandle,
    federation,
)
from strawberry_tasks.errors import ConfigurationError
from strawberry_tasks.testing import inline
from tests.operations import execute, refuse


@strawberry.type
class Report:
    total: int


@strawberry.federation.type(keys=["id"])
class Product:
    id: strawberry.ID

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Product:
        return cls(id=id)


@strawberry.schema_directive(locations=[Location.OBJECT, Location.FIELD_DEFINITION])
class Owned:
    team: str


def declared(**settings: Any) -> Tasks:
    """Make tasks with one mutation."""
    tasks = Tasks("memory://", **settings)

    @tasks.mutation()
    def make_report(total: int) -> Report:
        """Make the report."""
        return Report(total=total)

    return tasks


def fields_of(schema: strawberry.Schema, type_name: str) -> list[str]:
    """Return the names of a type's fields."""
    found = execute(schema, f'{{ __type(name: "{type_name}") {{ fields {{ name }} }} }}')["__type"]
    return [] if found is None else [field["name"] for field in found["fields"]]


def test_without_roots() -> None:
    """Without any root type of the user's, the extension's fields are all there is."""
    schema = Schema(extensions=[declared().extension])

    assert fields_of(schema, "Query") == ["task", "tasks"]
    assert fields_of(schema, "Mutation") == ["makeReport", "cancelTask", "retryTask"]
    assert fields_of(schema, "Subscription") == ["taskProgress", "taskUpdated"]


def test_without_mutations() -> None:
    """Tasks without a mutation can still be canceled and retried."""
    schema = Schema(extensions=[Tasks("memory://").extension])

    assert fields_of(schema, "Mutation") == ["cancelTask", "retryTask"]


def test_without_any_mutation() -> None:
    """With no mutation of a task or of the user's, and ours left out, there is no mutation type."""
    tasks = Tasks("memory://", fields={"cancelTask": None, "retryTask": None})

    assert "Mutation" not in Schema(extensions=[tasks.extension]).as_str()


def test_nothing_left_of_a_root() -> None:
    """With ours left out, a task's mutation stands alone, and no subscription type is made."""
    leave_out = ("cancelTask", "retryTask", "taskProgress", "taskUpdated")
    schema = Schema(extensions=[declared(fields=dict.fromkeys(leave_out)).extension])

    assert fields_of(schema, "Mutation") == ["makeReport"]
    assert "Subscription" not in schema.as_str()


def test_own_roots_are_kept() -> None:
    """The user's roots keep their names, fields, descriptions and directives."""

    @strawberry.type(name="Reading", description="All that can be read.", directives=[Owned(team="web")])
    class Query:
        @strawberry.field(description="Says hello.")
        def hello(self) -> str:
            return "hello"

    @strawberry.type(description="All that can be done.")
    class Mutation:
        @strawberry.mutation
        def ping(self) -> str:
            return "pong"

    schema = Schema(query=Query, mutation=Mutation, extensions=[declared().extension])
    printed = schema.as_str()

    assert fields_of(schema, "Reading") == ["hello", "task", "tasks"]
    assert fields_of(schema, "Mutation") == ["ping", "makeReport", "cancelTask", "retryTask"]
    assert '"""All that can be read."""\ntype Reading @owned(team: "web") {' in printed
    assert '"""All that can be done."""\ntype Mutation {' in printed
    assert execute(schema, "{ hello }") == {"hello": "hello"}
    assert execute(schema, "mutation { ping }") == {"ping": "pong"}


def test_extend_is_kept() -> None:
    """`extend type Query` stays one in a federation schema."""

    @strawberry.federation.type(extend=True)
    class Query:
        @strawberry.field
        def hello(self) -> str:
            return "hello"

    schema = federation.Schema(query=Query, extensions=[declared().extension])

    assert "extend type Query {" in schema.as_str()


def test_federation() -> None:
    """The federation's schema has its own fields beside the tasks', and finds entities."""

    @strawberry.type
    class Query:
        @strawberry.field
        def product(self) -> Product:
            return Product(id=strawberry.ID("1"))

    tasks = declared()
    schema = federation.Schema(query=Query, extensions=[tasks.extension])
    with inline(tasks):
        data = execute(schema, "mutation { makeReport(total: 1) { output { total } } }")
    entities = execute(
        schema, '{ _entities(representations: [{__typename: "Product", id: "2"}]) { ... on Product { id } } }'
    )

    assert data == {"makeReport": {"output": {"total": 1}}}
    assert entities == {"_entities": [{"id": "2"}]}
    assert "_service" in fields_of(schema, "Query")


@pytest.mark.parametrize("name", ["task", "tasks"])
def test_query_field_of_the_users(name: str) -> None:
    """A query field that is taken is refused, with a hint how to rename or leave out ours."""
    root = strawberry.type(type("Query", (), {"own": strawberry.field(resolver=_number, name=name)}))

    with pytest.raises(ConfigurationError, match=rf'^Query\.{name}: .*None: fields={{"{name}": …}}\.$'):
        Schema(query=root, extensions=[declared().extension])


def _number() -> int:
    return 1


@pytest.mark.parametrize("members", [{"make_report": None}, {"own": "makeReport"}, {"make_report": "another"}])
def test_mutation_of_the_users(members: dict[str, str | None]) -> None:
    """A mutation of the task's name, in Python or in GraphQL, is refused and never replaced."""
    own = {name: strawberry.mutation(resolver=_number, name=graphql) for name, graphql in members.items()}
    root = strawberry.type(type("Mutation", (), own))

    with pytest.raises(ConfigurationError, match=r'^Mutation\.makeReport: .*@tasks\.mutation\(name="…"\)'):
        Schema(mutation=root, extensions=[declared().extension])


def test_renamed_and_left_out() -> None:
    """`Tasks(fields=…)` renames fields and leaves some out; the rest of the contract works on."""
    tasks = declared(fields={"task": "run", "taskProgress": "runProgress", "taskUpdated": None})
    schema = Schema(extensions=[tasks.extension])

    with inline(tasks):
        run_id = execute(schema, "mutation { makeReport(total: 1) { id } }")["makeReport"]["id"]
        found = execute(schema, f'{{ run(id: "{run_id}") {{ status }} }}')

    assert found == {"run": {"status": "COMPLETED"}}
    assert fields_of(schema, "Query") == ["run", "tasks"]
    assert fields_of(schema, "Subscription") == ["runProgress"]


def test_renamed_onto_each_other() -> None:
    """Two of our own fields cannot have one name."""
    with pytest.raises(ConfigurationError, match=r"Query\.tasks"):
        Schema(extensions=[declared(fields={"task": "tasks"}).extension])


def test_functions_of_one_name() -> None:
    """Two modules may have functions of one name, as long as their tasks have names of their own."""
    tasks = Tasks("memory://")

    def declare(name: str, answer: int) -> None:
        @tasks.mutation(name=name)
        def run() -> int:
            return answer

    declare("one", 1)
    declare("two", 2)
    schema = Schema(extensions=[tasks.extension])

    with inline(tasks):
        data = execute(schema, "mutation { one { output } two { output } }")

    assert data == {"one": {"output": 1}, "two": {"output": 2}}


def test_placed_by_the_user() -> None:
    """A task's field that the user has placed stands where it is, and is not brought once more."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def make_report() -> Report:
        return Report(total=1)

    @strawberry.type
    class Mutation:
        report = make_report.mutation_field()

    schema = Schema(mutation=Mutation, extensions=[tasks.extension])

    assert fields_of(schema, "Mutation") == ["report", "cancelTask", "retryTask"]


def test_plain_schema() -> None:
    """With a plain `strawberry.Schema` the user places everything, and all of it works."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def report(total: int) -> Report:
        return Report(total=total)

    @strawberry.type
    class Query(TaskQuery):
        hello: str = "hello"

    @strawberry.type
    class Mutation(TaskMutation):
        make_report = report.mutation_field()

    @strawberry.type
    class Subscription(TaskSubscription):
        pass

    schema = strawberry.Schema(Query, Mutation, Subscription, types=[UntypedTaskHandle], extensions=[tasks.extension])
    brought = Schema(extensions=[tasks.extension])
    with inline(tasks):
        started = execute(schema, "mutation { makeReport(total: 2) { id output { total } } }")["makeReport"]
        found = execute(schema, f'{{ task(id: "{started["id"]}") {{ __typename }} tasks {{ nodes {{ id }} }} }}')

    assert started["output"] == {"total": 2}
    assert found == {"task": {"__typename": "ReportTaskHandle"}, "tasks": {"nodes": []}}
    assert fields_of(schema, "Query") == ["task", "tasks", "hello"]
    assert set(fields_of(schema, "Mutation")) == set(fields_of(brought, "Mutation")) - {"report"} | {"makeReport"}
    assert fields_of(schema, "Subscription") == fields_of(brought, "Subscription")


def test_mixins_in_our_schema() -> None:
    """The mixins may stand in our `Schema`, too; nothing comes twice."""

    @strawberry.type
    class Query(TaskQuery):
        hello: str = "hello"

    schema = Schema(query=Query, extensions=[declared().extension])

    assert fields_of(schema, "Query") == ["task", "tasks", "hello"]


def test_extension_is_missing() -> None:
    """Without the extension the fields say what is missing."""

    @strawberry.type
    class Query(TaskQuery):
        pass

    message, _ = refuse(strawberry.Schema(Query), '{ task(id: "1") { id } }')

    assert "extensions=[tasks.extension]" in message


def test_two_extensions() -> None:
    """The tasks of a schema belong to one `Tasks`; two are refused."""
    with pytest.raises(ConfigurationError, match=r"^extensions: expected the extension of one Tasks, got those of 2"):
        Schema(extensions=[declared().extension, declared().extension])


def test_a_task_of_another_tasks() -> None:
    """A task's mutation that is placed in the schema of another `Tasks` is refused, and starts nothing."""
    ours, theirs = declared(), Tasks("memory://")

    @theirs.mutation()
    def foreign() -> int:
        return 1

    @strawberry.type
    class Mutation:
        started = foreign.mutation_field()

    plain = strawberry.Schema(TaskQuery, Mutation, types=[UntypedTaskHandle], extensions=[ours.extension])
    with pytest.raises(ConfigurationError, match=r"^<Task foreign>: expected a task of the Tasks whose extension the"):
        Schema(mutation=Mutation, extensions=[ours.extension])
    with inline(theirs):
        message, _ = refuse(plain, "mutation { started { id } }")
        runs = list(theirs.runtime().store.list(owner=None, first=9).runs)

    assert message.startswith("<Task foreign>: expected a task of the Tasks")
    assert runs == []


def test_schemas_do_not_change_each_other() -> None:
    """One `Tasks` and one root may go into several schemas."""

    @strawberry.type
    class Query:
        hello: str = "hello"

    tasks = declared()

    first, second = (Schema(query=Query, extensions=[tasks.extension]) for _ in range(2))

    assert first.as_str() == second.as_str()
    assert fields_of(strawberry.Schema(Query), "Query") == ["hello"]


def test_looks_of_a_field() -> None:
    """Docstring, name, deprecation and directives show in the schema."""
    tasks = Tasks("memory://")

    @tasks.mutation(deprecation_reason="Use another.", directives=[Owned(team="ops")])
    def first() -> None:
        """Do the first thing.

        In two paragraphs.
        """

    @tasks.mutation(name="renamed", description="Said otherwise.")
    def second() -> None:
        """Not this."""

    printed = Schema(extensions=[tasks.extension]).as_str()

    assert '"""\n  Do the first thing.\n  \n  In two paragraphs.\n  """' in printed.replace("\n\n", "\n  \n")
    assert 'first: FirstTaskHandle! @owned(team: "ops") @deprecated(reason: "Use another.")' in printed
    assert '"""Said otherwise."""\n  renamed: RenamedTaskHandle!' in printed


def test_export_schema(tmp_path: Path) -> None:
    """`strawberry export-schema` prints a schema with tasks, and needs no server for it."""
    Path(tmp_path, "exported.py").write_text(
        "from strawberry_tasks import Schema, Tasks\n"
        "tasks = Tasks('redis://127.0.0.1:1')\n"
        "@tasks.mutation()\n"
        "def work(number: int) -> int: return number\n"
        "schema = Schema(extensions=[tasks.extension])\n"
    )

    exported = subprocess.run(
        [sys.executable, "-m", "strawberry", "export-schema", "exported:schema"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert exported.returncode == 0, exported.stderr
    assert "work(number: Int!): WorkTaskHandle!" in exported.stdout


@pytest.mark.parametrize("wrap", [lambda kind: kind, lambda kind: kind()], ids=["class", "instance"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_extension_as_class_or_instance(wrap: Any) -> None:
    """The extension may be passed as it is, or as an instance."""
    tasks = declared()
    schema = Schema(extensions=[wrap(tasks.extension)])

    with inline(tasks):
        data = execute(schema, "mutation { makeReport(total: 1) { status } }")

    assert data == {"makeReport": {"status": "COMPLETED"}}
