"""`result` reads as `output` does in its schema, and shows only what nothing in the schema may keep from somebody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from functools import wraps
from typing import Any

import pytest
import strawberry
from strawberry.extensions import SchemaExtension
from strawberry.federation.schema_directives import Key
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.federation import Schema as FederationSchema
from strawberry_tasks.testing import inline
from tests.operations import execute


class Nobody(BasePermission):
    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return False


@strawberry.enum
class Level(Enum):
    HIGH = 1


@strawberry.type
class Line:
    unit_price: int
    code: str = strawberry.field(name="SKU", default="a")


@strawberry.interface
class Document:
    made_at: datetime


@strawberry.type
class Invoice(Document):
    first_line: Line
    level: Level = Level.HIGH
    note: str | None = None


@strawberry.type
class Receipt(Document):
    sum_paid: int


@strawberry.type
class Refusal(Exception):  # noqa: N818
    reason: str


INVOICE = Invoice(made_at=datetime(2026, 1, 2, tzinfo=UTC), first_line=Line(unit_price=5))
SELECTION = "{ madeAt firstLine { unitPrice SKU } level note }"
SHOWN = {
    "madeAt": "2026-01-02T00:00:00+00:00", "firstLine": {"unitPrice": 5, "SKU": "a"}, "level": "HIGH", "note": None,
}  # fmt: skip


def run(
    annotation: object, value: object, selection: str, make: Callable[..., Any] = Schema, **options: Any
) -> tuple[Any, Any]:
    """Return the output and the result of a task in a schema with these options."""
    tasks = Tasks("memory://")

    def work() -> Any:
        return value

    work.__annotations__["return"] = annotation
    tasks.mutation()(work)
    extensions = [tasks.extension, *options.pop("extensions", [])]
    schema = make(extensions=extensions, **options)
    with inline(tasks):
        handle = execute(schema, f"mutation {{ work {{ output {selection} result }} }}")["work"]
    return handle["output"], handle["result"]


def test_the_names_are_the_schemas() -> None:
    """Strawberry's own where nothing else is said, and those that fields are given."""
    output, result = run(Invoice, INVOICE, SELECTION)

    assert output == result == SHOWN


def test_names_are_as_they_are_in_python() -> None:
    """Where the schema says so."""
    selection = "{ made_at first_line { unit_price SKU } level note }"

    output, result = run(Invoice, INVOICE, selection, config=StrawberryConfig(auto_camel_case=False))

    assert output == result
    assert result["first_line"] == {"unit_price": 5, "SKU": "a"}


class Shouting(NameConverter):
    def apply_naming_config(self, name: str) -> str:
        return name.upper()

    def from_enum_value(self, enum: Any, enum_value: Any) -> str:
        return f"IS_{enum_value.name}"

    def from_object(self, object_type: Any) -> str:
        return f"My{super().from_object(object_type)}"


def test_a_name_converter_is_asked() -> None:
    """For fields, types and enum values."""
    selection = "{ __TYPENAME ... on MyInvoice { MADE_AT FIRST_LINE { UNIT_PRICE SKU } LEVEL NOTE } ... on MyReceipt { SUM_PAID } }"
    tasks = Tasks("memory://")

    @tasks.mutation(name="WORK")
    def work() -> Invoice | Receipt:
        return INVOICE

    schema = Schema(extensions=[tasks.extension], config=StrawberryConfig(name_converter=Shouting()))
    with inline(tasks):
        handle = execute(
            schema, f"mutation {{ WORK {{ OUTPUT {selection.replace('__TYPENAME', '__typename')} RESULT }} }}"
        )["WORK"]

    assert handle["OUTPUT"] == handle["RESULT"]
    assert handle["RESULT"]["__typename"] == "MyInvoice"
    assert handle["RESULT"]["LEVEL"] == "IS_HIGH"


@pytest.mark.parametrize("annotation", [Document, Invoice | Receipt, Invoice | Receipt | None])
def test_the_type_is_named_where_it_may_be_another(annotation: object) -> None:
    """In unions and interfaces `__typename` tells which; elsewhere nobody needs it."""
    selection = f"{{ __typename ... on Invoice {SELECTION} }}"

    output, result = run(annotation, INVOICE, selection, types=[Invoice, Receipt])

    assert output == result == {"__typename": "Invoice", **SHOWN}


def test_fields_whose_names_meet_elsewhere() -> None:
    """Two names in Python may be one in another schema, and are not one value."""

    @strawberry.type
    class Both:
        one_name: int
        oneName: int  # noqa: N815

    config = StrawberryConfig(auto_camel_case=False)

    output, result = run(Both, Both(one_name=1, oneName=2), "{ one_name oneName }", config=config)

    assert output == result == {"one_name": 1, "oneName": 2}


def test_scalars_are_the_schemas() -> None:
    """A schema that shows moments by scalars of its own does so in `result`, too."""
    stamp = strawberry.scalar(name="Stamp", serialize=lambda at: at.strftime("%d.%m.%Y"), parse_value=str)
    config = StrawberryConfig(scalar_map={datetime: stamp})

    output, result = run(Invoice, INVOICE, SELECTION, config=config)

    assert output == result == {**SHOWN, "madeAt": "02.01.2026"}


class Masks(SchemaExtension):
    """Keeps a field from everybody, by its name."""

    def resolve(self, next_: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        return None if info.field_name == "note" else next_(root, info, *args, **kwargs)


class Observes(SchemaExtension):
    """Looks on, and says so."""

    only_observes = True

    def resolve(self, next_: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        return next_(root, info, *args, **kwargs)


class Executes(StrawberryGraphQLCoreExecutionContext):
    """May do anything."""


class Reads(Schema):
    """Leaves a field out of its types."""

    def get_fields(self, type_definition: Any) -> Any:
        return [each for each in super().get_fields(type_definition) if each.python_name != "note"]


def visited(**options: Any) -> Any:
    """Make a schema, and wrap the resolver of a field in it."""
    schema = Schema(**options)
    field = schema._schema.get_type("Invoice").fields["note"]  # type: ignore[union-attr]
    read = field.resolve

    @wraps(read)
    def resolve(*args: Any, **kwargs: Any) -> Any:
        read(*args, **kwargs)

    field.resolve = resolve
    return schema


def replaced(**options: Any) -> Any:
    """Make a schema, and replace the resolver of a field in it."""
    schema = Schema(**options)
    schema._schema.get_type("Invoice").fields["note"].resolve = lambda *_args, **_kwargs: None  # type: ignore[union-attr]
    return schema


SECRET = Invoice(made_at=datetime(2026, 1, 2, tzinfo=UTC), first_line=Line(unit_price=5), note="secret")


@pytest.mark.parametrize(
    "options",
    [
        {"extensions": [Masks]},
        {"extensions": [lambda: Masks()]},  # noqa: PLW0108  # A factory, and no class.
        {"config": StrawberryConfig(default_resolver=lambda row, name: None if name == "note" else getattr(row, name))},
    ],
    ids=["extension", "factory", "default resolver"],
)
def test_objects_are_left_out_where_the_schema_may_mask_any_field(options: dict[str, Any]) -> None:
    """Nobody can tell which fields its extension or resolver keeps from whom."""
    output, result = run(Invoice, SECRET, SELECTION, **options)

    assert output == SHOWN
    assert result is None


class Brings(Schema):
    """Has an extension that it was not given."""

    def get_extensions(self, sync: bool = False) -> Any:
        return [*super().get_extensions(sync), Masks()]


def test_objects_are_left_out_where_the_schema_brings_an_extension() -> None:
    """It counts like one that it was given."""
    output, result = run(Invoice, SECRET, SELECTION, Brings)

    assert output == SHOWN
    assert result is None


def test_objects_are_left_out_where_an_executor_of_its_own_reads_them() -> None:
    """It may do what an extension may."""
    output, result = run(Invoice, INVOICE, SELECTION, execution_context_class=Executes)

    assert output == SHOWN
    assert result is None


def test_results_without_fields_are_shown_beside_any_extension() -> None:
    """It has its say about `result` itself, as it has about `output`."""
    assert run(list[int], [1], "", extensions=[Masks]) == ([1], [1])


def test_objects_are_shown_beside_extensions_that_only_observe() -> None:
    """Those of Strawberry, and those that say so."""
    output, result = run(Invoice, INVOICE, SELECTION, extensions=[Observes])

    assert output == result == SHOWN


@pytest.mark.parametrize("make", [visited, replaced], ids=["wrapped", "replaced"])
def test_fields_that_the_schema_resolves_otherwise_are_left_out(make: Callable[..., Any]) -> None:
    """A visitor of the schema may enforce what its directives say."""
    output, result = run(Invoice, SECRET, SELECTION, make)

    assert output == SHOWN
    assert result == {name: value for name, value in SHOWN.items() if name != "note"}


def test_fields_that_the_schema_leaves_out_are_left_out() -> None:
    """What cannot be asked for is not shown either."""
    _, result = run(Invoice, SECRET, "{ level }", Reads)

    assert "note" not in result


def test_a_type_that_the_schema_does_not_have_is_left_out() -> None:
    """As an implementation of an interface that it was not told of."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def work() -> list[Document]:
        return [Receipt(made_at=datetime(2026, 1, 2, tzinfo=UTC), sum_paid=3), INVOICE]

    schema = Schema(extensions=[tasks.extension], types=[Invoice])
    with inline(tasks):
        handle = execute(schema, "mutation { work { result } }")["work"]

    assert handle["result"] == [None, {"__typename": "Invoice", **SHOWN}]


def test_directives_that_restrict_nobody_hide_nothing() -> None:
    """Entities of a federated graph are shown."""

    @strawberry.federation.type(keys=["id"], shareable=True)
    class Product:
        id: strawberry.ID
        name: str = strawberry.federation.field(shareable=True)

    output, result = run(Product, Product(id=strawberry.ID("1"), name="a"), "{ id name }", FederationSchema)

    assert output == result == {"id": "1", "name": "a"}
    assert Key in {type(directive) for directive in Product.__strawberry_definition__.directives}  # type: ignore[attr-defined]


def test_what_graphql_raises_is_left_out() -> None:
    """An exception is an error of `output`, though it is a type."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def work() -> list[Invoice | Refusal]:
        return [Refusal(reason="secret"), INVOICE]

    schema = Schema(extensions=[tasks.extension])
    with inline(tasks):
        handle = execute(schema, "mutation { work { result } }")["work"]

    assert handle["result"] == [None, {"__typename": "Invoice", **SHOWN}]


def test_a_guard_of_the_interface_counts() -> None:
    """An object does not show what may only be asked for through its interface."""

    @strawberry.interface
    class Person:
        salary: int = strawberry.field(permission_classes=[Nobody])

    @strawberry.type
    class Employee(Person):
        salary: int

    _, result = run(Employee, Employee(salary=3), "{ __typename }")

    assert result == {}


def test_an_object_of_another_version_is_left_out() -> None:
    """What was an object with private fields is not shown where a text is expected now."""
    tasks = Tasks("memory://")

    @tasks.task()
    def work() -> str:
        return ""

    assert tasks.registry.shown_result("work", {"private.token": "x"}, None) is None
