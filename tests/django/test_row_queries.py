"""How many queries the rows of an output take, and which of them are shown: as for a plain field of strawberry_django."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
import strawberry_django
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext
from strawberry import auto
from strawberry_django.optimizer import DjangoOptimizerExtension

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.django.connections import DatabaseConnections
from strawberry_tasks.testing import inline
from tests.django.project.models import Item, Maker, Part

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])


@strawberry_django.type(Maker, name="QueriedMaker")
class MakerType:
    name: auto


@strawberry_django.type(Part, name="QueriedPart")
class PartType:
    name: auto


@strawberry_django.type(Item, name="QueriedItem")
class ItemType:
    name: auto
    maker: MakerType | None
    parts: list[PartType]

    @classmethod
    def get_queryset(cls, queryset: Any, info: strawberry.Info, **_: Any) -> Any:
        hidden = getattr(info.context, "hides", None)
        return queryset if hidden is None else queryset.exclude(name=hidden)


@strawberry.type
class Crate:
    best: ItemType | None
    items: list[ItemType]

    @strawberry.field
    def best_maker(self) -> str | None:
        return self.best and self.best.maker and self.best.maker.name


tasks = Tasks("memory://", max_retries=0, surroundings=DatabaseConnections())


@tasks.mutation()
def queryset() -> list[ItemType]:
    return Item.objects.order_by("-name")  # type: ignore[return-value]


@tasks.mutation()
def manager() -> list[ItemType]:
    return Item.objects  # type: ignore[return-value]


@tasks.mutation()
def listed() -> list[ItemType]:
    return list(Item.objects.order_by("-name"))  # type: ignore[arg-type]


@tasks.mutation()
def single() -> ItemType:
    return Item.objects.order_by("-name")[0]  # type: ignore[return-value]


@tasks.mutation()
def crate() -> Crate:
    items = list(Item.objects.order_by("-name"))
    return Crate(best=items[0], items=items[1:])  # type: ignore[arg-type]


@strawberry.type
class Query:
    @strawberry_django.field
    def queryset(self) -> list[ItemType]:
        return Item.objects.order_by("-name")  # type: ignore[return-value]

    @strawberry_django.field
    def listed(self) -> list[ItemType]:
        return list(Item.objects.order_by("-name"))  # type: ignore[arg-type]


schema = Schema(Query, extensions=[tasks.extension, DjangoOptimizerExtension])
plain_schema = Schema(Query, extensions=[tasks.extension])
lazy_schema = Schema(
    Query, extensions=[tasks.extension, lambda: DjangoOptimizerExtension(enable_prefetch_related_optimization=False)]
)

FIELDS = "{ name maker { name } parts { name } }"


@pytest.fixture(autouse=True)
def there() -> Iterator[None]:
    """Thirteen items, each with a maker and two parts, and runs that are performed at once."""
    with inline(tasks):
        for number in range(13):
            item = Item.objects.create(name=f"i{number:02}", maker=Maker.objects.create(name=f"m{number}"))
            Part.objects.bulk_create(Part(item=item, name=f"p{number}-{part}") for part in range(2))
        yield


def execute(query: str, *, schema: Any = schema, **context: Any) -> tuple[Any, int]:
    """Execute an operation, and count its queries."""
    with CaptureQueriesContext(connection) as queries:
        answer = schema.execute_sync(query, context_value=SimpleNamespace(user=None, **context))
    assert answer.errors is None, answer.errors
    return answer.data, len(queries)


def output_of(task: Any, fields: str, **options: Any) -> tuple[Any, int]:
    """Perform a run, and read what it has put out."""
    run = task.enqueue()
    kind = f"{task.name.title()}TaskHandle"
    data, queries = execute(f'{{ task(id: "{run.id}") {{ ... on {kind} {{ output {fields} }} }} }}', **options)
    return data["task"]["output"], queries


@pytest.mark.parametrize("task", [queryset, listed])
def test_a_list_takes_as_many_queries_as_a_plain_field(task: Any) -> None:
    """Its relations come along, with what is selected alone."""
    plain, expected = execute(f"{{ queryset {FIELDS} }}")

    shown, queries = output_of(task, FIELDS)

    assert shown == plain["queryset"]
    assert (queries, expected) == (2, 2)


def test_a_single_row_takes_few_queries() -> None:
    """The row with its maker, and its parts."""
    shown, queries = output_of(single, FIELDS)

    assert shown["parts"] == [{"name": "p12-0"}, {"name": "p12-1"}]
    assert queries == 2


def test_a_mutation_reads_what_it_selects() -> None:
    """Where the run has ended at once, its output is read as later."""
    _, without = execute("mutation { queryset { id } }")
    _, queries = execute(f"mutation {{ queryset {{ output {FIELDS} }} }}")

    assert queries - without == 2


def test_rows_inside_of_objects() -> None:
    """One query for each field that holds some, and one for its parts; also under an alias and in a fragment."""
    shown, queries = output_of(crate, FRAGMENTED)

    assert shown["first"] == {"name": "i12", "maker": {"name": "m12"}}
    assert shown["bestMaker"] == "m12"
    assert [row["name"] for row in shown["rest"]] == [f"i{number:02}" for number in reversed(range(12))]
    assert len(shown["items"][0]["parts"]) == 2
    assert queries == 3


FRAGMENTED = """{
    first: best { name }
    ... on Crate { items { parts { name } } first: best { maker { name } } rest: items { name maker { name } } }
    bestMaker
}"""


def test_rows_that_are_not_selected_are_there_for_resolvers() -> None:
    """An object is whole, whatever a client wants of it."""
    shown, _ = output_of(crate, "{ bestMaker }")

    assert shown == {"bestMaker": "m12"}


def test_without_the_extension_rows_are_read_together() -> None:
    """What is read of each of them is the project's affair, as with a plain field."""
    shown, queries = output_of(listed, "{ name }", schema=plain_schema)

    assert len(shown) == 13
    assert queries == 1


def test_the_extension_is_asked_how() -> None:
    """Its settings hold for outputs, too."""
    plain, expected = execute(f"{{ queryset {FIELDS} }}", schema=lazy_schema)

    shown, queries = output_of(queryset, FIELDS, schema=lazy_schema)

    assert shown == plain["queryset"]
    assert queries == expected == 14


def test_a_subscription_reads_as_a_query_does() -> None:
    """Each event is resolved with the extension."""
    handle = queryset.enqueue()
    query = (
        f'subscription {{ taskProgress(taskId: "{handle.id}") {{ ... on QuerysetTaskHandle {{ output {FIELDS} }} }} }}'
    )

    async def watch() -> list[Any]:
        return [answer async for answer in await schema.subscribe(query, context_value=SimpleNamespace(user=None))]

    with CaptureQueriesContext(connection) as queries:
        (answer,) = async_to_sync(watch)()

    assert answer.errors is None
    assert len(answer.data["taskProgress"]["output"]) == 13
    assert len(queries) == 2


@pytest.mark.parametrize("task", [queryset, manager])
def test_types_leave_out_of_a_queryset_what_they_hide(task: Any) -> None:
    """As strawberry_django has it for a field that returns one."""
    plain, _ = execute("{ queryset { name } }", hides="i03")

    shown, _ = output_of(task, "{ name }", hides="i03")

    assert sorted(row["name"] for row in shown) == sorted(row["name"] for row in plain["queryset"])
    assert len(shown) == 12


def test_what_is_listed_by_hand_is_shown() -> None:
    """As strawberry_django has it: the function has chosen each of them."""
    plain, _ = execute("{ listed { name } }", hides="i03")

    shown, _ = output_of(listed, "{ name }", hides="i03")

    assert shown == plain["listed"]
    assert len(shown) == 13


def test_what_is_gone_is_told_also_where_a_type_hides_rows() -> None:
    """It is not confused with what is hidden."""
    run = queryset.enqueue()
    Item.objects.filter(name="i05").delete()
    query = f'{{ task(id: "{run.id}") {{ ... on QuerysetTaskHandle {{ output {{ name }} }} }} }}'

    answer = schema.execute_sync(query, context_value=SimpleNamespace(user=None, hides="i03"))

    assert answer.errors is not None
    assert [(error.path, error.extensions) for error in answer.errors] == [
        (["task", "output", 7], {"code": "OBJECT_GONE"})
    ]
