"""Functions that cannot be tasks are refused where they are declared, by task and parameter."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import strawberry

from strawberry_tasks import TaskContext, Tasks
from strawberry_tasks.errors import TaskDeclarationError

if TYPE_CHECKING:
    from elsewhere import Missing


@strawberry.type
class Output:
    number: int


class Plain:
    pass


def starred(*numbers: int) -> None: ...
def double_starred(**numbers: int) -> None: ...
def positional(number: int, /) -> None: ...
def unannotated(number): ...  # type: ignore[no-untyped-def]
def takes_dict(data: dict[str, int]) -> None: ...
def takes_any(data: Any) -> None: ...
def takes_output(data: Output) -> None: ...
def takes_plain(data: Plain) -> None: ...
def takes_duration(data: timedelta) -> None: ...
def takes_bytes(data: bytes) -> None: ...
def takes_missing(data: Missing) -> None: ...
def takes_union(data: int | str) -> None: ...


@pytest.mark.parametrize(
    ("function", "parameter", "says"),
    [
        (starred, "numbers", "declare each one"),
        (double_starred, "numbers", "declare each one"),
        (positional, "number", "declare each one"),
        (unannotated, "number", "expected an annotation"),
        (takes_dict, "data", "Declare a class with @strawberry.input, or use strawberry.scalars.JSON"),
        (takes_any, "data", "Name the type"),
        (takes_output, "data", "declare a @strawberry.input"),
        (takes_plain, "data", "Decorate it with @strawberry.input"),
        (takes_duration, "data", "Use an int or a float"),
        (takes_bytes, "data", "Base64"),
        (takes_missing, "data", "not under TYPE_CHECKING"),
        (takes_union, "data", "GraphQL has no unions in its input"),
    ],
)
def test_refused_parameter(function: Any, parameter: str, says: str) -> None:
    """The message names the task and the parameter, and says what to do."""
    with pytest.raises(TaskDeclarationError) as caught:
        Tasks("memory://").task(name="work")(function)

    message = str(caught.value)
    assert message.startswith(f"task 'work', parameter '{parameter}': ")
    assert says in message


def returns_plain() -> Plain: ...  # type: ignore[empty-body]
def returns_duration() -> timedelta: ...  # type: ignore[empty-body]


@pytest.mark.parametrize("function", [returns_plain, returns_duration])
def test_refused_result(function: Any) -> None:
    """A result that cannot cross is refused likewise."""
    with pytest.raises(TaskDeclarationError, match=r"^task 'work', result: expected a GraphQL output type"):
        Tasks("memory://").task(name="work")(function)


def test_description() -> None:
    """The docstring, without its indentation, describes the task."""

    def work() -> None:
        """Do it.

        And more.
        """

    assert Tasks("memory://").task()(work).declaration.description == "Do it.\n\nAnd more."


def test_context_is_no_parameter() -> None:
    """What the run injects is no parameter, whatever it is called and wherever it stands."""

    def work(number: int, *, me: TaskContext) -> None: ...

    assert list(Tasks("memory://").task()(work).declaration.parameters) == ["number"]


def test_wrapped_function() -> None:
    """A decorated function keeps its signature, and its names are looked up where it was written."""

    def wrap(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    def work(task: TaskContext, number: int) -> Output:
        return Output(number=number)

    declaration = Tasks("memory://").task()(wrap(work)).declaration

    assert list(declaration.parameters) == ["number"]
    assert declaration.result.annotation is Output


def test_a_parameter_called_info_of_another_type_is_a_parameter() -> None:
    """Only what is not annotated, or Strawberry's own `Info`, is the resolver's info."""

    tasks = Tasks("memory://")

    @tasks.task()
    def work(info: str) -> None: ...

    assert list(work.declaration.parameters) == ["info"]
