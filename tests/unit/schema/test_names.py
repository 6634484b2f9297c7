"""Types of a project's own may be called as ours: ours can have other names, and scalars meet in one."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, NewType

import pytest
import strawberry
from strawberry import relay
from strawberry.exceptions import DuplicatedTypeName, ScalarAlreadyRegisteredError
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.config import TYPES
from strawberry_tasks.errors import ConfigurationError
from strawberry_tasks.testing import inline
from tests.operations import Person, execute

EVERYTHING = """
mutation { work { __typename id status result failure { __typename } output } }
"""
STAFF = Person(is_staff=True)


def declared(**settings: Any) -> Tasks:
    """Make tasks with one mutation, one background task and a schedule."""
    tasks = Tasks("memory://", **settings)

    @tasks.mutation()
    def work() -> int:
        return 3

    @tasks.periodic(cron="0 0 * * *")
    def clean_up() -> None: ...

    return tasks


def own_type(name: str) -> Any:
    """Make a type of the user's own."""
    if name == "TaskStatus":
        return strawberry.enum(Enum("TaskStatus", ["OPEN", "DONE"]))
    return strawberry.type(type(name, (), {"__annotations__": {"mine": int}}))


def schema_with(own: Any, tasks: Tasks, **options: Any) -> Schema:
    """Make a schema that has a type of the user's own."""
    query = strawberry.type(
        type("Query", (), {"mine": strawberry.field(resolver=lambda: None, graphql_type=own | None)})
    )
    return Schema(query, extensions=[tasks.extension], **options)


@pytest.mark.parametrize("name", TYPES)
def test_a_type_that_is_called_like_ours(name: str) -> None:
    """Without a setting it is refused as Strawberry does; with one, both are there under their names."""
    own = own_type(name)
    with pytest.raises((DuplicatedTypeName, ConfigurationError)) as caught:
        schema_with(own, declared())
    told = str(caught.value) + "".join(getattr(caught.value, "__notes__", ()))
    assert f'Tasks(types={{"{name}": …}})' in told

    printed = schema_with(own, declared(types={name: f"Other{name}"})).as_str()

    assert re.search(rf"^(type|enum) {name} ", printed, re.MULTILINE)
    assert re.search(rf"^(type|interface|enum|scalar) Other{name}\b", printed, re.MULTILINE)


@pytest.mark.parametrize("config", [None, StrawberryConfig(auto_camel_case=False)], ids=["camel", "snake"])
def test_runs_under_other_names(config: StrawberryConfig | None) -> None:
    """Everything is resolved under the other names."""
    tasks = declared(types={name: f"My{name}" for name in TYPES})

    @tasks.task()
    def hidden() -> None:
        raise ValueError("no")

    schema = Schema(extensions=[tasks.extension], config=config)
    info = "page_info" if config else "pageInfo"
    with inline(tasks):
        work = execute(schema, EVERYTHING)["work"]
        run = hidden.using().enqueue()
        found = execute(schema, f'{{ task(id: "{run.id}") {{ __typename failure {{ __typename }} }} }}')["task"]
        listed = execute(
            schema,
            f"{{ tasks(status: [FAILED]) {{ __typename {info} {{ __typename }} edges {{ __typename }} }} }}",
            user=STAFF,
        )["tasks"]

    assert work == {
        "__typename": "WorkTaskHandle",
        "id": work["id"],
        "status": "COMPLETED",
        "result": 3,
        "failure": None,
        "output": 3,
    }
    assert found == {"__typename": "MyUntypedTaskHandle", "failure": {"__typename": "MyTaskFailure"}}
    assert listed == {
        "__typename": "MyTaskHandleConnection",
        info: {"__typename": "MyPageInfo"},
        "edges": [{"__typename": "MyTaskHandleEdge"}],
    }


def test_two_schemas_have_two_names() -> None:
    """The names are those of one `Tasks`; another one's schema keeps its own."""
    first, second = (
        Schema(extensions=[tasks.extension]) for tasks in (declared(types={"TaskStatus": "Mine"}), declared())
    )

    assert "enum Mine {" in first.as_str()
    assert "enum TaskStatus {" in second.as_str()


class Prefixed(NameConverter):
    """Puts the project's letters before every type's name."""

    def from_object(self, object_type: Any) -> str:
        """Return the type's name."""
        return "Acme" + super().from_object(object_type)


def test_the_users_name_converter_stays() -> None:
    """What has no other name is named by the schema's converter, which is not changed itself."""
    converter = Prefixed()

    printed = Schema(
        extensions=[declared(types={"TaskFailure": "Why"}).extension], config=StrawberryConfig(name_converter=converter)
    ).as_str()

    assert "type Why {" in printed
    assert "type AcmeWorkTaskHandle implements AcmeTaskHandle {" in printed
    assert type(converter) is Prefixed


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ({"Status": "Mine"}, r"^types: expected TaskHandle, .*DateTime as keys, got 'Status'\."),
        ({"TaskStatus": "my status"}, r"^types\['TaskStatus'\]: expected a name"),
        ({"TaskStatus": None}, r"^types\['TaskStatus'\]: expected a name"),
        (["TaskStatus"], r"^types: expected a dict"),
    ],
)
def test_names_that_cannot_be(types: Any, message: str) -> None:
    """Types that there are not, and names that GraphQL does not take, are refused."""
    with pytest.raises(ConfigurationError, match=message):
        Tasks("memory://", types=types)


@strawberry.type
class Item(relay.Node):
    id: relay.NodeID[int]


@strawberry.type(name="Query")
class Shelf:
    @relay.connection(relay.ListConnection[Item])
    def items(self) -> list[Item]:
        return [Item(id=1)]


def test_relay_connections_beside_tasks() -> None:
    """A project's relay connections and the list of runs share Strawberry's `PageInfo`."""

    schema = Schema(Shelf, extensions=[declared().extension])

    data = execute(schema, "{ items { pageInfo { hasNextPage } } tasks { pageInfo { hasNextPage } } }")

    assert schema.as_str().count("type PageInfo ") == 1
    assert data == {"items": {"pageInfo": {"hasNextPage": False}}, "tasks": {"pageInfo": {"hasNextPage": False}}}


def marked(name: str = "JSON") -> Any:
    """Make a scalar of the user's own that can be told from others by its values."""
    return strawberry.scalar(name=name, serialize=lambda value: ["own", value], parse_value=lambda value: value)


class Document:
    """What the user's own scalar carries."""

    def __init__(self, value: object) -> None:
        self.value = value


def _by_scalar_map(tasks: Tasks) -> Schema:
    return schema_with(Document, tasks, config=StrawberryConfig(scalar_map={Document: marked()}))


def _by_scalar_overrides(tasks: Tasks) -> Schema:
    return schema_with(Document, tasks, scalar_overrides={Document: marked()})


def _in_place_of_strawberrys(tasks: Tasks) -> Schema:
    return Schema(extensions=[tasks.extension], config=StrawberryConfig(scalar_map={JSON: marked()}))


def _as_a_type_of_its_own(tasks: Tasks) -> Schema:
    own = strawberry.scalar(NewType("Blob", object), name="JSON", serialize=lambda value: ["own", value])
    return schema_with(own, tasks)


@pytest.mark.parametrize(
    "make", [_by_scalar_map, _by_scalar_overrides, _in_place_of_strawberrys, _as_a_type_of_its_own]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_scalar_that_is_called_json(make: Any) -> None:
    """`result` is of the JSON that the schema has, and there is one of that name."""
    tasks = declared()
    schema = make(tasks)

    with inline(tasks):
        data = execute(schema, "mutation { work { result } }")

    assert data == {"work": {"result": ["own", 3]}}
    assert schema.as_str().count("scalar JSON") == 1


def test_a_scalar_beside_one_called_json() -> None:
    """Under another name, ours stays what it is."""
    tasks = declared(types={"JSON": "TaskJSON"})
    schema = schema_with(Document, tasks, config=StrawberryConfig(scalar_map={Document: marked()}))

    with inline(tasks):
        data = execute(schema, "mutation { work { result } }")

    assert data == {"work": {"result": 3}}
    assert "result: TaskJSON" in schema.as_str()


def test_two_scalars_of_the_users_own() -> None:
    """Two scalars of the user's own under one name are still refused."""

    class Other: ...

    config = StrawberryConfig(scalar_map={Document: marked("Mine"), Other: marked("Mine")})
    query = strawberry.type(type("Query", (), {"__annotations__": {"a": Document, "b": Other}}))

    with pytest.raises(ScalarAlreadyRegisteredError):
        Schema(query, extensions=[declared().extension], config=config)
