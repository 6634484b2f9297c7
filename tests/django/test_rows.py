"""Rows as parameters and results: from whichever database, and also hidden ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import strawberry_django
from strawberry import auto
from strawberry_django.permissions import HasRetvalPerm

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.errors import TaskDeclarationError
from strawberry_tasks.testing import inline
from tests.django.project.models import Book, Gift, Item

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])


@strawberry_django.type(Item, name="RowItem")
class ItemType:
    id: auto
    name: auto


@strawberry_django.type(Book, name="RowBook")
class BookType:
    id: auto
    name: auto
    pages: auto


tasks = Tasks("memory://", max_retries=0)


@tasks.mutation()
def name_of(item: Item) -> str:
    return f"{item.name} of {item._state.db}"


@tasks.mutation()
def names_of(items: list[Item]) -> list[str]:
    return [f"{item.name} of {item._state.db}" for item in items]


@tasks.mutation()
def row(name: str, database: str) -> ItemType:
    item = _anywhere(name)
    item._state.db = database
    return item  # type: ignore[return-value]


@tasks.mutation()
def book(name: str, database: str) -> BookType:
    return Book.everything.using(database).get(name=name)  # type: ignore[return-value]


@tasks.mutation()
def rows(names: list[str]) -> list[ItemType | None]:
    return [_anywhere(name) for name in names]  # type: ignore[misc]


schema = Schema(extensions=[tasks.extension])


@pytest.fixture(autouse=True)
def there() -> Iterator[None]:
    """Runs are performed at once."""
    with inline(tasks):
        yield


def _anywhere(name: str) -> Item:
    return next(item for db in ("default", "other") for item in Item.everything.using(db).filter(name=name))


def twins() -> tuple[Item, Item]:
    """Make two rows of one key, each in a database of its own."""
    return Item.objects.create(pk=1, name="mine"), Item.objects.using("other").create(pk=1, name="theirs")


def execute(query: str, **variables: Any) -> Any:
    """Execute an operation of which nothing fails."""
    answer = schema.execute_sync(query, variables)
    assert answer.errors is None, answer.errors
    return answer.data


def test_a_row_of_another_database_is_that_row() -> None:
    """One key stands for two rows, and the one that was given arrives."""
    mine, theirs = twins()

    assert name_of.enqueue(theirs).result() == "theirs of other"
    assert name_of.enqueue(mine).result() == "mine of default"
    assert names_of.enqueue([theirs, mine, theirs]).result() == [
        "theirs of other",
        "mine of default",
        "theirs of other",
    ]


def test_a_result_from_another_database_is_shown() -> None:
    """The typed output reads it where the function has read it."""
    twins()

    data = execute('mutation { row(name: "theirs", database: "other") { output { name } } }')
    data |= execute('mutation { rows(names: ["theirs", "mine"]) { output { name } } }')

    assert data == {
        "row": {"output": {"name": "theirs"}},
        "rows": {"output": [{"name": "theirs"}, {"name": "mine"}]},
    }


def test_clients_are_not_told_of_databases() -> None:
    """Where a row is kept is nothing that GraphQL shows."""
    twins()

    data = execute('mutation { row(name: "theirs", database: "other") { result } }')

    assert data["row"]["result"] == {"id": "1"}


@pytest.mark.parametrize("key", [{"pk": 1, "db": "other"}, '{"pk": 1, "db": "other"}', ["1", "other"]])
def test_clients_choose_no_database(key: object) -> None:
    """What they send is a key, and is looked up where the routers say."""
    twins()

    answer = schema.execute_sync("mutation ($item: ID!) { nameOf(item: $item) { output } }", {"item": key})

    assert answer.errors
    assert "theirs" not in str(answer)


def test_a_key_is_read_where_the_routers_say(settings: Any) -> None:
    """It names no database, so the project's routers do."""
    twins()
    settings.DATABASE_ROUTERS = [ToOther()]

    data = execute('mutation { nameOf(item: "1") { output } }')

    assert data == {"nameOf": {"output": "theirs of other"}}


def test_a_row_is_where_it_was_read_whatever_the_routers_say(settings: Any) -> None:
    """The function has chosen, and so has who enqueued."""
    mine, _ = twins()
    settings.DATABASE_ROUTERS = [ToOther()]

    data = execute('mutation { row(name: "mine", database: "default") { output { name } } }')

    assert name_of.enqueue(mine).result() == "mine of default"
    assert data == {"row": {"output": {"name": "mine"}}}


class ToOther:
    """Reads from the other database."""

    def db_for_read(self, *_: Any, **__: Any) -> str:
        return "other"


def test_an_unknown_database_is_told() -> None:
    """A worker that lacks it says so, and reads nothing else in its place."""
    mine, _ = twins()
    mine._state.db = "tenant"

    run = name_of.enqueue(mine).refresh()

    assert run.failure is not None
    assert (run.failure.code, run.failure.message) == (
        "OBJECT_UNAVAILABLE",
        "Item 1 is in the database 'tenant', which is not among the DATABASES here.",
    )


def test_keys_of_parents_and_proxies() -> None:
    """A row of a derived model has its parent's key, and a proxy's has its model's."""
    Book.everything.using("other").create(name="b", pages=7)
    gift = Gift.everything.using("other").create(name="g")
    a_book = Book.everything.using("other").defer("pages").get()

    data = execute('mutation { book(name: "b", database: "other") { output { name pages } } }')

    assert data == {"book": {"output": {"name": "b", "pages": 7}}}
    assert names_of.enqueue([gift, a_book]).result() == ["g of other", "b of other"]


def test_a_row_that_managers_hide_is_read_as_relations_are() -> None:
    """Somebody had it in hand, so that it is no secret."""
    item = Item.objects.create(name="a", deleted=True)

    data = execute('mutation { row(name: "a", database: "default") { output { name } } }')

    assert name_of.enqueue(item).result() == "a of default"
    assert data == {"row": {"output": {"name": "a"}}}


def test_a_key_reaches_nothing_that_managers_hide() -> None:
    """A client could try all keys."""
    item = Item.objects.create(name="a", deleted=True)

    data = execute("mutation ($item: ID!) { nameOf(item: $item) { status failure { code } } }", item=item.pk)

    assert data == {"nameOf": {"status": "FAILED", "failure": {"code": "OBJECT_GONE"}}}


def test_a_permission_on_what_a_field_returns_is_refused() -> None:
    """A task's mutation returns a handle before there is anything to check, and would have started the run by then."""
    with pytest.raises(TaskDeclarationError, match="HasRetvalPerm checks what the field returns, which is a handle"):

        @tasks.mutation(extensions=[HasRetvalPerm("project.view_item")])
        def guarded() -> ItemType:
            return Item.objects.get()  # type: ignore[return-value]

    assert "guarded" not in tasks.registry.tasks
