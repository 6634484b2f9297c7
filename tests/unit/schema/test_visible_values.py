"""Whatever guards stand in a result's type: `result` has nothing that `output` would keep from its viewer."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Annotated, Any, Generic, NewType, TypeVar

import strawberry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig
from strawberry.schema_directive import Location
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from strawberry_tasks import Tasks
from strawberry_tasks.federation import Schema
from strawberry_tasks.testing import inline

T = TypeVar("T")


class Nobody(BasePermission):
    message = "Not for you."

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return False


class Refuse(FieldExtension):
    def resolve(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        raise PermissionError


class Masked(StrawberryField):
    def get_result(self, source: Any, info: Any, args: Any, kwargs: Any) -> Any:
        return None


@strawberry.schema_directive(
    locations=[
        Location.FIELD_DEFINITION, Location.OBJECT, Location.INTERFACE, Location.UNION,
        Location.ENUM, Location.ENUM_VALUE, Location.SCALAR,
    ]
)  # fmt: skip
class Internal:
    pass


# How something is kept from clients, as arguments of Strawberry's decorators.
DIRECTIVES: list[dict[str, Any]] = [
    {"directives": [Internal()]}, {"authenticated": True}, {"requires_scopes": [["read"]]}, {"policy": [["admin"]]},
    {"inaccessible": True}, {"tags": ["internal"]},
]  # fmt: skip
FIELD_GUARDS: list[Callable[[], Any]] = [
    lambda: strawberry.field(permission_classes=[Nobody]),
    lambda: strawberry.field(extensions=[Refuse()]),
    Masked,
    *((lambda options=options: strawberry.federation.field(**options)) for options in DIRECTIVES),  # type: ignore[misc]
]

numbers = itertools.count()


@dataclass
class Drawn:
    """A type and a value of it."""

    annotation: Any
    value: Any
    selection: str = ""
    """All that can be asked for."""
    shown: list[str] = field(default_factory=list)
    """The texts in it that everybody may see."""
    kept: list[str] = field(default_factory=list)
    """The texts in it that somebody may not see."""
    private: list[str] = field(default_factory=list)
    """The texts in it that no client sees."""
    types: list[Any] = field(default_factory=list)
    """The types that the schema has to be told of."""
    scalars: dict[object, Any] = field(default_factory=dict)

    def take(self, inner: Drawn, *, guarded: bool) -> None:
        """Note what is in a part of it."""
        inner = inner.guarded() if guarded else inner
        self.shown += inner.shown
        self.kept += inner.kept
        self.private += inner.private
        self.types += inner.types
        self.scalars |= inner.scalars

    def guarded(self) -> Drawn:
        return replace(self, shown=[], kept=self.shown + self.kept)


def text() -> Drawn:
    value = f"text {next(numbers)}"
    return Drawn(str, value, shown=[value])


def a_scalar(guard: bool) -> Drawn:
    number = next(numbers)
    kind = NewType(f"Code{number}", str)  # type: ignore[valid-newtype]
    scalar = strawberry.scalar(name=f"Code{number}", directives=[Internal()] if guard else ())
    made = Drawn(kind, f"code {number}", shown=[f"code {number}"], scalars={kind: scalar})
    return made.guarded() if guard else made


def an_enum(guard: str) -> Drawn:
    name = f"ONE_{next(numbers)}"
    value = strawberry.enum_value(1, directives=[Internal()] if guard == "value" else ())
    members: Any = Enum(f"Enum{next(numbers)}", {name: value})  # type: ignore[misc]
    kind: Any = strawberry.federation.enum(members, inaccessible=guard == "type")
    made = Drawn(kind, members[name], shown=[name])
    return made.guarded() if guard else made


def an_object(
    fields: list[tuple[Drawn, Callable[[], Any] | None]],
    guard: dict[str, Any],
    *,
    bases: tuple[Any, ...] = (),
    **extra: Any,
) -> Drawn:
    """Make an object type.

    Args:
        fields: What the fields are of, and what guards each.
        guard: What guards the type.
        bases: The interfaces.
        extra: Values of further fields.
    """
    body: dict[str, Any] = {"__annotations__": {"to_self": strawberry.Private[str]}, "__module__": __name__}
    made = Drawn(None, None, private=[f"text {next(numbers)}"])
    values = {**extra, "to_self": made.private[0]}
    selections = [*extra]
    for drawn, field_guard in fields:
        name = f"some_field_{next(numbers)}"
        values[name] = drawn.value
        body["__annotations__"][name] = drawn.annotation | None
        if field_guard is not None:
            body[name] = field_guard()
        made.take(drawn, guarded=field_guard is not None)
        selections.append(f"{name} {drawn.selection}")
    cls = type(f"Type{next(numbers)}", bases, body)
    made.annotation = strawberry.federation.type(cls, **guard)
    made.value = made.annotation(**values)
    made.selection = f"{{ {' '.join(selections)} }}"
    return made.guarded() if guard else made


def a_union(first: Drawn, second: Drawn, guard: bool) -> Drawn:
    kind: Any = strawberry.federation.union(f"Union{next(numbers)}", inaccessible=guard)
    arms = " ".join(f"... on {arm.annotation.__name__} {arm.selection}" for arm in (first, second))
    annotation = Annotated[first.annotation | second.annotation, kind]
    made = Drawn(annotation, first.value, f"{{ __typename {arms} }}", types=second.types, scalars=dict(second.scalars))
    made.take(first, guarded=False)
    return made.guarded() if guard else made


def an_interface(
    fields: list[tuple[Drawn, Callable[[], Any] | None]],
    guard: dict[str, Any],
    own_guard: dict[str, Any],
    field_guard: Callable[[], Any] | None,
) -> Drawn:
    """Make an interface with one field, and an object type that implements it."""
    name, value = f"some_field_{next(numbers)}", f"text {next(numbers)}"
    body: dict[str, Any] = {"__annotations__": {name: str | None}, "__module__": __name__}
    if field_guard is not None:
        body[name] = field_guard()
    cls = type(f"Interface{next(numbers)}", (), body)
    interface: Any = strawberry.federation.interface(cls, **own_guard)
    made = an_object(fields, guard, bases=(interface,), **{name: value})
    (made.kept if guard or own_guard or field_guard else made.shown).append(value)
    made.types.append(made.annotation)
    selection = f"{{ __typename ... on {made.annotation.__name__} {made.selection} }}"
    made = replace(made, annotation=interface, selection=selection)
    return made.guarded() if own_guard else made


@strawberry.type
class Page(Generic[T]):
    some_items: list[T | None]
    top: T | None = None


def paged(inner: Drawn) -> Drawn:
    value = Page(some_items=[inner.value, None], top=inner.value)
    selection = f"{{ some_items {inner.selection} top {inner.selection} }}"
    return replace(inner, annotation=Page[inner.annotation], value=value, selection=selection)


def listed(inner: Drawn) -> Drawn:
    return replace(inner, annotation=list[inner.annotation | None], value=[inner.value, None])


field_guards = st.none() | st.none() | st.sampled_from(FIELD_GUARDS)
type_guards = st.just({}) | st.just({}) | st.sampled_from(DIRECTIVES)
leaves = (
    st.builds(text)
    | st.builds(a_scalar, st.sampled_from([False, False, True]))
    | st.builds(an_enum, st.sampled_from(["", "", "value", "type"]))
)


def grown(inner: st.SearchStrategy[Drawn]) -> st.SearchStrategy[Drawn]:
    fields = st.lists(st.tuples(inner, field_guards), max_size=3)
    objects = st.builds(an_object, fields.filter(bool), type_guards)
    return (
        objects
        | st.builds(a_union, objects, objects, st.sampled_from([False, False, True]))
        | st.builds(an_interface, fields, type_guards, type_guards, field_guards)
        | objects.map(paged)
        | inner.map(listed)
    )


def texts(data: Any) -> Iterator[str]:
    """Yield the texts in JSON, besides the names of types."""
    if isinstance(data, str):
        yield data
    for item in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from texts(item)


def ask(drawn: Drawn, *, camel: bool) -> Any:
    """Run a task that returns the value, and return its handle and the errors."""
    tasks = Tasks("memory://", scalar_map=drawn.scalars)

    def work() -> Any:
        return drawn.value

    work.__annotations__["return"] = drawn.annotation
    tasks.mutation()(work)
    config = StrawberryConfig(auto_camel_case=camel, scalar_map=drawn.scalars)
    schema = Schema(extensions=[tasks.extension], types=drawn.types, config=config)
    selection = (
        re.sub(r"\bsome_\w+", lambda name: to_camel_case(name[0]), drawn.selection) if camel else drawn.selection
    )
    with inline(tasks):
        answer = schema.execute_sync(f"mutation {{ work {{ status error output {selection} result }} }}")
    assert answer.data, answer.errors
    assert answer.data["work"]["status"] == "COMPLETED", answer.data
    return answer.data["work"]


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.recursive(leaves, grown, max_leaves=8), st.booleans())
def test_result_shows_what_output_does(drawn: Drawn, camel: bool) -> None:
    """Nothing guarded is in `result`, all the rest is, and without guards it is what `output` is."""
    handle = ask(drawn, camel=camel)

    found = set(texts(handle["result"]))

    assert not found & {*drawn.kept, *drawn.private}
    assert found >= set(drawn.shown)
    assert drawn.kept or handle["result"] == handle["output"]
