"""Rows that are gone, or cannot be read: each is told of in its own place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import strawberry
import strawberry_django
from django.db import OperationalError, connection
from strawberry import auto

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.errors import TaskError
from strawberry_tasks.testing import inline
from tests.django.project.models import Item, Maker

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])


@strawberry_django.type(Item, name="GoneItem")
class ItemType:
    id: auto
    name: auto


@strawberry.type
class Shelf:
    label: str
    best: ItemType
    spare: ItemType | None
    items: list[ItemType | None]
    row: strawberry.Private[Item | None] = None

    @strawberry.field
    def row_name(self) -> str | None:
        return self.row and self.row.name


@strawberry_django.type(Maker, name="GoneMaker")
class MakerType:
    name: auto


@strawberry.type
class Line:
    item: ItemType | None
    amount: int


@strawberry.type
class Receipt:
    """Does something with a row as soon as it is made."""

    item: strawberry.Private[Item]
    title: str = ""

    def __post_init__(self) -> None:
        self.title = f"Receipt for {self.item.name}"


tasks = Tasks("memory://", max_retries=0)


@tasks.task(max_retries=1, retry_delay=timedelta(0))
def patient(item: Item) -> str:
    return item.name


@tasks.mutation()
def row(name: str, database: str) -> ItemType:
    item = _anywhere(name)
    item._state.db = database
    return item  # type: ignore[return-value]


@tasks.mutation()
def rows(names: list[str]) -> list[ItemType | None]:
    return [_anywhere(name) for name in names]  # type: ignore[misc]


@tasks.mutation()
def shelf() -> Shelf:
    a, b, c = (_anywhere(name) for name in "abc")
    return Shelf(label="top", best=a, spare=b, items=[a, b, c, None, c], row=c)  # type: ignore[arg-type, list-item]


@tasks.mutation()
def mixed() -> list[ItemType | MakerType | None]:
    return [_anywhere("a"), Maker.objects.get(), _anywhere("b")]  # type: ignore[list-item]


@tasks.mutation()
def lines() -> list[Line]:
    return [Line(item=item, amount=1) for item in Item.everything.order_by("name")]  # type: ignore[arg-type]


@tasks.mutation()
def receipts() -> list[Receipt | None]:
    return [Receipt(item=item) for item in Item.everything.order_by("name")]


schema = Schema(extensions=[tasks.extension])


@pytest.fixture(autouse=True)
def there() -> Iterator[None]:
    """Runs are performed at once."""
    with inline(tasks):
        yield


def _anywhere(name: str) -> Item:
    return next(item for db in ("default", "other") for item in Item.everything.using(db).filter(name=name))


def execute(query: str, **variables: Any) -> Any:
    """Execute an operation of which nothing fails."""
    answer = schema.execute_sync(query, variables)
    assert answer.errors is None, answer.errors
    return answer.data


def failures(query: str, **variables: Any) -> tuple[Any, dict[str, Any]]:
    """Execute an operation of which something fails, and return the data and the code at each path."""
    answer = schema.execute_sync(query, variables)
    assert answer.errors
    return answer.data, {
        ".".join(map(str, error.path or ())): (error.extensions or {}).get("code") for error in answer.errors
    }


def task_of(query: str, **variables: Any) -> str:
    """Start a run, and return its id."""
    (handle,) = execute(query, **variables).values()
    return str(handle["id"])


def test_an_unknown_database_of_a_result_is_told() -> None:
    """A web server that lacks it nulls that field."""
    Item.objects.create(name="mine")

    data, codes = failures('mutation { row(name: "mine", database: "tenant") { status output { name } } }')

    assert data == {"row": {"status": "COMPLETED", "output": None}}
    assert codes == {"row.output": "OBJECT_UNAVAILABLE"}


def test_a_database_that_is_away_shows_no_text_of_its_driver() -> None:
    """Clients read a code, and the log has the rest."""
    Item.objects.create(name="a")
    run = task_of('mutation { row(name: "a", database: "default") { id } }')

    with connection.execute_wrapper(Away(1)):
        data, codes = failures(
            "query ($id: ID!) { task(id: $id) { name ... on RowTaskHandle { output { name } } } }", id=run
        )

    assert data == {"task": {"name": "row", "output": None}}
    assert codes == {"task.output": "OBJECT_UNAVAILABLE"}


def test_a_database_that_is_away_is_told_operators_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """However many clients read rows of it."""
    Item.objects.create(name="a")
    run = task_of('mutation { row(name: "a", database: "default") { id } }')
    watched = Schema(extensions=[tasks.extension])

    with connection.execute_wrapper(Away(9)):
        for _ in range(3):
            watched.execute_sync(f'{{ task(id: "{run}") {{ ... on RowTaskHandle {{ output {{ name }} }} }} }}')

    (line,) = [entry for entry in caplog.records if entry.name.startswith("strawberry")]
    assert line.getMessage() == "task.output was refused: secret: the server closed the connection"
    assert line.exc_info is None


def test_a_parameter_is_read_again_when_its_database_is_back() -> None:
    """An outage is no reason to give the run up."""
    item = Item.objects.create(name="a")

    with connection.execute_wrapper(Away(1)):
        handle = patient.enqueue(item)
    with connection.execute_wrapper(Away(9)):
        lost = patient.enqueue(item).refresh()

    assert (handle.result(), handle.refresh().attempt) == ("a", 2)
    assert lost.failure is not None
    assert (lost.failure.code, lost.failure.message) == ("OBJECT_UNAVAILABLE", f"Item {item.pk} cannot be read now.")


class Away:
    """A database that does not answer some times."""

    def __init__(self, times: int) -> None:
        self._left = times

    def __call__(self, execute: Any, *call: Any) -> Any:
        self._left -= 1
        if self._left >= 0:
            raise OperationalError("secret: the server closed the connection")
        return execute(*call)


def test_a_row_that_is_gone_nulls_its_field() -> None:
    """Its neighbours are shown, and the error says which it is."""
    for name in "abc":
        Item.objects.create(name=name)
    run = task_of("mutation { shelf { id } }")
    Item.objects.filter(name__in="bc").delete()

    data, codes = failures(
        """query ($id: ID!) {
            task(id: $id) { ... on ShelfTaskHandle { output { label best { name } spare { name } items { name } rowName } } }
        }""",
        id=run,
    )

    a = {"name": "a"}
    assert data["task"]["output"] == {
        "label": "top",
        "best": a,
        "spare": None,
        "items": [a, None, None, None, None],
        "rowName": None,
    }
    assert codes == dict.fromkeys(
        (f"task.output.{field}" for field in ("spare", "items.1", "items.2", "items.4", "rowName")), "OBJECT_GONE"
    )


def test_a_row_of_a_union_that_is_gone_nulls_its_field() -> None:
    """What it was is known, and of no use any more."""
    for name in "ab":
        Item.objects.create(name=name)
    Maker.objects.create(name="m")
    run = task_of("mutation { mixed { id } }")
    Item.objects.filter(name="a").delete()

    data, codes = failures(
        """query ($id: ID!) { task(id: $id) { ... on MixedTaskHandle {
            output { ... on GoneItem { name } ... on GoneMaker { name } } } } }""",
        id=run,
    )

    assert data["task"]["output"] == [None, {"name": "m"}, {"name": "b"}]
    assert codes == {"task.output.0": "OBJECT_GONE"}


def test_rows_of_the_objects_of_a_list_are_read_together(django_assert_num_queries: Any) -> None:
    """However many objects hold one each."""
    Item.objects.bulk_create(Item(name=name) for name in "abcdef")
    handle = lines.enqueue()
    run = handle.id

    with django_assert_num_queries(1):
        data = execute(
            "query ($id: ID!) { task(id: $id) { ... on LinesTaskHandle { output { item { name } } } } }", id=run
        )
    with django_assert_num_queries(1):
        names = [line.item and line.item.name for line in handle.result()]

    assert [line["item"]["name"] for line in data["task"]["output"]] == names == list("abcdef")


def test_an_object_that_cannot_be_made_without_its_row_is_gone_with_it() -> None:
    """Its neighbours are not."""
    for name in "ab":
        Item.objects.create(name=name)
    run = task_of("mutation { receipts { id } }")
    Item.objects.filter(name="a").delete()

    data, codes = failures(
        "query ($id: ID!) { task(id: $id) { ... on ReceiptsTaskHandle { output { title } } } }", id=run
    )

    assert data["task"]["output"] == [None, {"title": "Receipt for b"}]
    assert codes == {"task.output.0": "OBJECT_GONE"}


def test_null_spreads_from_where_it_must_not_be() -> None:
    """As GraphQL has it: to the next field that may be null."""
    for name in "abc":
        Item.objects.create(name=name)
    run = task_of("mutation { shelf { id } }")
    Item.objects.filter(name="a").delete()

    data, codes = failures(
        "query ($id: ID!) { task(id: $id) { status ... on ShelfTaskHandle { output { best { name } } } } }", id=run
    )

    assert data == {"task": {"status": "COMPLETED", "output": None}}
    assert codes == {"task.output.best": "OBJECT_GONE"}


def test_python_is_told_of_rows_that_are_gone() -> None:
    """There is no place for a null in a list of rows."""
    Item.objects.create(name="a")
    handle = rows.enqueue(["a"])
    Item.objects.all().delete()

    with pytest.raises(TaskError, match="no longer there"):
        handle.result()
