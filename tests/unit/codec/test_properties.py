"""Whatever the type and the value: it arrives equal, or it is refused with the one error that says so."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

import strawberry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.relay import GlobalID
from strawberry.scalars import JSON, Base16, Base32, Base64

from strawberry_tasks.codec import Codec, input_codec, output_codec
from strawberry_tasks.errors import ValueEncodingError


class Suit(Enum):
    HEARTS = "h"
    SPADES = ("tuple", 1)
    CLUBS = None


class Typed(NamedTuple):
    """A type, and values of it."""

    annotation: Any
    values: st.SearchStrategy[Any]


offsets = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(
    lambda delta: timezone(timedelta(seconds=int(delta.total_seconds())))
)
texts = st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)

LEAVES = [
    Typed(int, st.integers(-(2**31), 2**31 - 1)),
    Typed(float, st.floats(allow_nan=False, allow_infinity=False)),
    Typed(str, texts),
    Typed(bool, st.booleans()),
    Typed(strawberry.ID, texts),
    Typed(JSON, json_values),
    Typed(datetime, st.datetimes() | st.datetimes(timezones=offsets)),
    Typed(date, st.dates()),
    Typed(time, st.times() | st.times(timezones=offsets)),
    Typed(Decimal, st.decimals(allow_nan=False)),
    Typed(UUID, st.uuids()),
    Typed(GlobalID, st.builds(GlobalID, st.from_regex(r"\A[A-Z][a-z]{0,5}\Z"), texts)),
    Typed(Base16, st.binary(max_size=8)),
    Typed(Base32, st.binary(max_size=8)),
    Typed(Base64, st.binary(max_size=8)),
    Typed(Suit, st.sampled_from(Suit)),
]


def optional(inner: Typed) -> Typed:
    return Typed(inner.annotation | None, st.none() | inner.values)


def listed(inner: Typed) -> Typed:
    return Typed(list[inner.annotation], st.lists(inner.values, max_size=3))


def maybe(inner: Typed) -> Typed:
    return Typed(strawberry.Maybe[inner.annotation], st.none() | inner.values.map(strawberry.Some))


def wrapped(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    """Put a type into a list or into an Optional that is none yet."""
    return inner.map(
        lambda typed: typed if type(None) in getattr(typed.annotation, "__args__", ()) else optional(typed)
    ) | inner.map(listed)


def a_class(decorate: Callable[[type], type], fields: list[Typed], unset: list[bool]) -> Typed:
    """Make a class with these fields, some of which may be left out."""
    names = [f"field_{index}" for index in range(len(fields))]
    body: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
    values: dict[str, st.SearchStrategy[Any]] = {}
    for name, typed, may_be_unset in zip(names, fields, unset, strict=False):
        body["__annotations__"][name] = typed.annotation
        values[name] = typed.values
        if may_be_unset:
            body[name] = strawberry.UNSET
            values[name] |= st.just(strawberry.UNSET)
    cls = decorate(type("Made", (), body))
    return Typed(cls, st.builds(cls, **values))


def types(decorate: Callable[[type], type], *, parameters: bool) -> st.SearchStrategy[Typed]:
    """Draw a type and the strategy of its values."""
    leaves = st.sampled_from(LEAVES)

    def grow(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
        held = inner | inner.map(maybe) if parameters else inner
        fields = st.lists(held, min_size=1, max_size=4)
        classes = st.builds(a_class, st.just(decorate), fields, st.lists(st.booleans(), min_size=4, max_size=4))
        return wrapped(inner) | classes

    return st.recursive(leaves, grow, max_leaves=6)


inputs = types(strawberry.input, parameters=True)
outputs = types(strawberry.type, parameters=False)

odd_values = st.one_of(
    json_values,
    st.just(object()), st.just(int), st.binary(), st.sets(st.integers()), st.complex_numbers(), st.timedeltas(),
    *(leaf.values for leaf in LEAVES),
    st.lists(st.just(object()), min_size=1, max_size=2), st.just(float("nan")), st.just("\ud800"), st.just(strawberry.Some(1)),
)  # fmt: skip

roomy = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def codec_of(annotation: object, make: Callable[..., Codec]) -> Codec:
    return make(annotation, where="here", namespace=globals(), scalar_map={})


def through_text(data: Any) -> Any:
    """Send JSON the way it is stored: as strict UTF-8 text."""
    return json.loads(json.dumps(data, allow_nan=False, ensure_ascii=False).encode())


@roomy
@given(inputs, st.data())
def test_every_argument_arrives_equal(typed: Typed, data: st.DataObject) -> None:
    """Any value of any input type survives the way."""
    value = data.draw(typed.values)
    made = codec_of(typed.annotation, input_codec)

    arrived = made.load(through_text(made.dump(value)))

    assert arrived == value


@roomy
@given(outputs, st.data())
def test_every_result_arrives_equal(typed: Typed, data: st.DataObject) -> None:
    """Any value of any output type survives the way."""
    value = data.draw(typed.values)
    made = codec_of(typed.annotation, output_codec)

    arrived = made.load(through_text(made.dump(value)))

    assert arrived == value


@roomy
@given(inputs, odd_values)
def test_what_does_not_fit_is_refused(typed: Typed, value: object) -> None:
    """An odd value either is of the type after all, or raises ValueEncodingError and nothing else."""
    made = codec_of(typed.annotation, input_codec)

    with contextlib.suppress(ValueEncodingError):
        made.load(through_text(made.dump(value)))


@roomy
@given(inputs, json_values)
def test_foreign_data_is_refused(typed: Typed, data: Any) -> None:
    """Data that another program wrote either loads, or raises ValueEncodingError and nothing else."""
    made = codec_of(typed.annotation, input_codec)

    with contextlib.suppress(ValueEncodingError):
        made.load(data)


@roomy
@given(odd_values)
def test_untyped_results_are_json_or_refused(value: object) -> None:
    """What passes as an untyped result is JSON, and the rest raises ValueEncodingError."""
    made = codec_of(None, output_codec)

    with contextlib.suppress(ValueEncodingError):
        through_text(made.dump(value))
