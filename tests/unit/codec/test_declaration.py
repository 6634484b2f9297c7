"""Types that cannot cross are refused when the task is declared."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any, Generic, Literal, TypedDict, TypeVar

import pytest
import strawberry
from strawberry.file_uploads import Upload

from strawberry_tasks.codec import input_codec, output_codec
from strawberry_tasks.errors import TaskDeclarationError

T = TypeVar("T")


class Plain: ...


@dataclasses.dataclass
class PlainData:
    a: int


class Typed(TypedDict):
    a: int


@strawberry.type
class Thing:
    a: int


@strawberry.type
class Other:
    b: int


@strawberry.interface
class Face:
    a: int


@strawberry.input
class Filter(Generic[T]):
    value: T


@strawberry.input
class Window:
    size: timedelta


@strawberry.input
class Outer:
    windows: list[Window] | None = None


class Undecorated(Window): ...


@strawberry.type
class Page(Generic[T]):
    items: list[T]


@strawberry.type
class Secret:
    a: int
    clock: strawberry.Private[Callable[[], int]]


@strawberry.type
class Sized:
    items: list[dict[str, int]]


WHERE = "task 'demo', parameter 'value'"

PARAMETERS: list[tuple[object, str]] = [
    (inspect.Parameter.empty, "expected an annotation, got none"),
    (dict, "got dict. Declare a class with @strawberry.input, or use strawberry.scalars.JSON"),
    (dict[str, Any], r"got dict\[str, Any\]. Declare"),
    (timedelta, "got timedelta. Use an int"),
    (list[timedelta | None], "got timedelta"),
    (bytes, "got bytes. Use strawberry.scalars.Base64"),
    (Any, "got Any. Name the type"),
    (object, "got object. Name the type"),
    (Callable[[], int], "Functions cannot travel"),
    (print, "Functions cannot travel"),
    (Thing, "got Thing. It is an object type"),
    (Face, "got Face. It is an interface"),
    (Thing | Other, r"got Thing \| Other. GraphQL has no unions in its input"),
    (int | str, "no unions in its input"),
    (Typed, "got Typed. Declare a class with @strawberry.input instead of a TypedDict"),
    (Plain, "got Plain. Decorate it with @strawberry.input, or map it"),
    (PlainData, "got PlainData. Decorate it with @strawberry.input."),
    (list, "got list. Say what it is a list of"),
    (set[int], "Use a list"),
    (Literal["a"], "Declare an enum"),
    (None, "got None"),
    (T, "Say which type a generic type is of"),
    (Filter, "field 'value' of Filter: .* Say which type"),
    (Page[int], "got Page. It is an object type"),
    (Window, "field 'size' of Window: .* got timedelta"),
    (Outer, "field 'size' of Window: .* got timedelta"),
    (Undecorated, "It only inherits from Window; decorate it too"),
    ("Nowhere", "names 'Nowhere', which is not defined"),
    ("list[", "cannot be read"),
]

RESULTS: list[tuple[object, str]] = [
    (timedelta, "expected a GraphQL output type, got timedelta"),
    (bytes, "got bytes"),
    (Upload, "Files cannot be returned"),
    (list[Upload], "Files cannot be returned"),
    (Outer, "got Outer. It is an input type"),
    (Plain, "got Plain. Decorate it with @strawberry.type"),
    (Typed, "instead of a TypedDict"),
    (int | str, "The members of a union have to be object types"),
    (AsyncIterator[int], "A task returns one result"),
    (Iterator[Thing], "A task returns one result"),
    (Page, "Say which type"),
    (Secret, "field 'clock' of Secret: .* A strawberry.Private field travels with its object"),
    (Sized, "field 'items' of Sized: .* or use strawberry.scalars.JSON"),
    ("Nowhere", "names 'Nowhere', which is not defined"),
]


@pytest.mark.parametrize(("annotation", "message"), PARAMETERS, ids=repr)
def test_a_parameter_that_cannot_cross_is_refused(annotation: object, message: str) -> None:
    """The error names the task and the parameter, what came, and what to do."""
    with pytest.raises(TaskDeclarationError, match=f"^{WHERE}.*{message}"):
        input_codec(annotation, where=WHERE, namespace=globals(), scalar_map={})


@pytest.mark.parametrize(("annotation", "message"), RESULTS, ids=repr)
def test_a_result_that_cannot_cross_is_refused(annotation: object, message: str) -> None:
    """The error names the task, what came, and what to do."""
    with pytest.raises(TaskDeclarationError, match=f"^task 'demo', result.*{message}"):
        output_codec(annotation, where="task 'demo', result", namespace=globals(), scalar_map={})
