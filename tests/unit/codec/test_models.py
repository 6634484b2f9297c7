"""Django models travel by primary key."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import strawberry

django = pytest.importorskip("django")
strawberry_django = pytest.importorskip("strawberry_django")

from django.db import connection, models  # noqa: E402
from strawberry.scalars import ID  # noqa: E402

from strawberry_tasks.codec import Codec, input_codec, output_codec  # noqa: E402
from strawberry_tasks.errors import TaskDeclarationError, TaskError, ValueEncodingError  # noqa: E402
from tests.labels import label  # noqa: E402


class Shop(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "codec_tests"


class Ticket(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)

    class Meta:
        app_label = "codec_tests"


class Branch(Shop):
    city = models.CharField(max_length=20)

    class Meta:
        app_label = "codec_tests"


class Seat(models.Model):
    pk = models.CompositePrimaryKey("row", "number")
    row = models.CharField(max_length=2)
    number = models.IntegerField()

    class Meta:
        app_label = "codec_tests"


class Word(models.Model):
    word = models.CharField(max_length=20, primary_key=True, db_collation="NOCASE")

    class Meta:
        app_label = "codec_tests"


class Abstract(models.Model):
    class Meta:
        app_label = "codec_tests"
        abstract = True


@strawberry_django.type(Shop)
class ShopType:
    id: strawberry.auto
    name: strawberry.auto


@strawberry_django.type(Ticket)
class TicketType:
    id: strawberry.auto


@strawberry_django.input(Shop)
class ShopInput:
    name: strawberry.auto


@strawberry.type
class Opened:
    shop: ShopType
    others: list[ShopType]
    row: strawberry.Private[Shop | None] = None


@strawberry.input
class Wanted:
    shop: Shop


@pytest.fixture(autouse=True)
def tables(transactional_db: None) -> Iterator[None]:
    """Tables that exist while the test runs, in whichever database the settings name."""
    with connection.schema_editor() as editor:
        for model in (Shop, Ticket, Branch, Seat):
            editor.create_model(model)
    yield
    with connection.schema_editor() as editor:
        for model in (Seat, Branch, Ticket, Shop):
            editor.delete_model(model)


def parameter(annotation: object) -> Codec:
    """Make the codec of a parameter of this type."""
    return input_codec(annotation, where="here", namespace=globals(), scalar_map={})


def result(annotation: object) -> Codec:
    """Make the codec of a result of this type."""
    return output_codec(annotation, where="here", namespace=globals(), scalar_map={})


def travel(made: Codec, value: object) -> Any:
    """Send a value through JSON text and back."""
    return made.load(json.loads(json.dumps(made.dump(value))))


def test_a_row_is_read_afresh() -> None:
    """The task sees the row as it is when it runs, not as it was."""
    shop = Shop.objects.create(name="old")
    made = parameter(Shop)
    data = made.dump(shop)
    Shop.objects.update(name="new")

    loaded = made.load(data)

    assert data == shop.pk
    assert loaded == shop
    assert loaded.name == "new"  # type: ignore[attr-defined]


@pytest.mark.parametrize("as_key", [int, str])
def test_a_key_stands_for_its_row(as_key: type) -> None:
    """A client sends an ID, and the task gets the row."""
    shop = Shop.objects.create(name="a")

    assert travel(parameter(Shop), as_key(shop.pk)) == shop


def test_keys_may_be_uuids_and_rows_of_a_parent() -> None:
    """Whatever the key is, it is read as the model's own type."""
    ticket = Ticket.objects.create()
    branch = Branch.objects.create(name="a", city="b")

    assert travel(parameter(Ticket), ticket) == travel(parameter(Ticket), str(ticket.pk)) == ticket
    assert travel(parameter(Branch), branch) == travel(parameter(Branch), str(branch.pk)) == branch


def test_keys_may_have_parts() -> None:
    """They travel as a list."""
    seats = [Seat.objects.create(row="a", number=number) for number in (1, 2)]

    assert travel(parameter(list[Seat]), seats) == seats
    assert travel(parameter(Seat), ("a", 2)) == seats[1]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="collations have other names there")
def test_a_database_may_take_two_keys_for_the_same() -> None:
    """The row is found by what its database takes for the key."""
    with connection.schema_editor() as editor:
        editor.create_model(Word)
    try:
        words = [Word.objects.create(word=word) for word in ("Abc", "def")]

        assert parameter(Word).load("ABC") == words[0]
        assert parameter(list[Word]).load(["DEF", "Abc"]) == [words[1], words[0]]
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Word)


@pytest.mark.parametrize("key", [2**63, -(2**63) - 1, "9" * 30])
def test_a_key_that_no_database_has_is_refused(key: object) -> None:
    """Drivers would raise errors of their own."""
    with pytest.raises(ValueEncodingError, match="expected Shop or its primary key"):
        parameter(Shop).dump(key)


def test_the_schema_shows_ids() -> None:
    """A model cannot be seen in GraphQL; its id can."""
    assert parameter(Shop).schema_type is ID
    assert parameter(list[Shop | None]).schema_type == list[ID | None]
    assert parameter(Shop | None).schema_type == ID | None
    assert parameter(strawberry.Maybe[Shop]).schema_type == strawberry.Maybe[ID]
    assert parameter(Shop).annotation is Shop


def test_models_touch_the_database() -> None:
    """So loading is given a thread under asyncio."""
    assert parameter(list[Shop]).touches_database
    assert result(Opened).touches_database
    assert not parameter(ShopInput).touches_database


def test_a_row_that_is_gone_fails_for_good() -> None:
    """No retry brings a deleted row back."""
    shop = Shop.objects.create(name="a")
    made = parameter(list[Shop])
    data = made.dump([shop])
    key = shop.pk
    shop.delete()

    with pytest.raises(TaskError, match=f"Shop {key} is no longer there") as many:
        made.load(data)
    with pytest.raises(TaskError) as one:
        parameter(Shop).load(key)

    assert many.value.code == one.value.code == "OBJECT_GONE"
    assert not many.value.retry
    assert not one.value.retry


def test_a_list_of_rows_takes_one_query(django_assert_num_queries: Any) -> None:
    """However many rows a list has, they are read together, in their order, and None stays where it is."""
    shops = [Shop.objects.create(name=name) for name in "abc"]
    made = parameter(list[Shop | None])
    data = made.dump([shops[2], None, shops[0], shops[2]])

    with django_assert_num_queries(1):
        loaded = made.load(data)

    assert loaded == [shops[2], None, shops[0], shops[2]]


@pytest.mark.parametrize("value", [None, True, 1.5, "x", object(), [], Ticket, {"pk": 1}], ids=label)
def test_what_is_no_row_and_no_key_is_refused(value: object) -> None:
    """The error names the model."""
    with pytest.raises(ValueEncodingError, match="expected Shop"):
        parameter(Shop).dump(value)


def test_an_unsaved_row_is_refused() -> None:
    """A worker could not find it."""
    with pytest.raises(ValueEncodingError, match="expected a saved Shop"):
        parameter(Shop).dump(Shop(name="a"))
    with pytest.raises(ValueEncodingError, match="expected a saved Ticket"):
        parameter(Ticket).dump(Ticket())


def test_a_result_carries_type_and_key() -> None:
    """Clients see the key as the type shows it; the row's other fields are in the typed output."""
    shop = Shop.objects.create(name="a")
    made = result(ShopType)

    data = made.dump(shop)

    assert data == {"__typename": "ShopType", "pk": shop.pk}
    assert made.load(data) == shop
    assert made.publish(data) == {"id": str(shop.pk)}


def test_rows_come_back_inside_other_types() -> None:
    """Lists, querysets, fields and private fields hold rows."""
    first, second = Shop.objects.create(name="a"), Shop.objects.create(name="b")
    made = result(Opened)

    loaded = travel(made, Opened(shop=first, others=Shop.objects.order_by("-pk"), row=second))  # type: ignore[arg-type]

    assert loaded == Opened(shop=first, others=[second, first], row=second)  # type: ignore[arg-type, list-item]


def test_a_union_finds_the_type_of_a_row() -> None:
    """Each model has its own member."""
    ticket = Ticket.objects.create()
    made = result(ShopType | TicketType)

    data = made.dump(ticket)

    assert data == {"__typename": "TicketType", "pk": str(ticket.pk)}
    assert made.load(data) == ticket


def test_a_queryset_is_a_list() -> None:
    """It is evaluated when the task returns it."""
    shops = [Shop.objects.create(name=name) for name in "ab"]

    assert travel(result(list[ShopType]), Shop.objects.order_by("pk")) == shops


def test_input_types_of_a_model_are_plain_input() -> None:
    """They hold values, not rows."""
    arrived = travel(parameter(ShopInput), ShopInput(name="a"))  # type: ignore[call-arg]

    assert arrived == ShopInput(name="a")  # type: ignore[call-arg]


@pytest.mark.parametrize("annotation", [Wanted, Abstract, ShopType], ids=label)
def test_a_model_is_refused_where_graphql_has_no_place_for_it(annotation: object) -> None:
    """Only a parameter itself can be a model."""
    with pytest.raises(TaskDeclarationError):
        parameter(annotation)


def test_a_bare_model_is_no_result() -> None:
    """The error points to strawberry_django."""
    with pytest.raises(TaskDeclarationError, match=r"Return a @strawberry_django\.type of the model"):
        result(Shop)
