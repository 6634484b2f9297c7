"""A parameter may have a name that Strawberry keeps for itself: clients and Python code can give it, or it is refused at declaration."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
import strawberry
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.errors import TaskDeclarationError
from strawberry_tasks.testing import inline
from tests.operations import execute

NAMES = ["self", "cls", "root", "parent", "source", "next_", "kwargs", "args", "arguments", "field", "task", "function"]
NAMES += ["countdown", "delay", "viewer", "context", "value", "values", "files", "id", "name", "type", "input", "func"]


class Allowed(BasePermission):
    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return True


class Passing(FieldExtension):
    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        self.seen = kwargs
        return next_(source, info, **kwargs)


def function_of(parameters: str, returned: str) -> Any:
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(f"def work({parameters}) -> str: return {returned}", namespace)
    return namespace["work"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parameters", ["{0}: str", "count: int, {0}: str"], ids=["first", "second"])
def test_clients_and_python_code_give_it(parameters: str, name: str) -> None:
    """It reaches the function from GraphQL, through permissions and extensions, and from each way to enqueue."""
    tasks = Tasks("memory://")
    task = tasks.mutation(permission_classes=[Allowed], extensions=[Passing()])(
        function_of(parameters.format(name), name)
    )
    given: dict[str, Any] = {"count": 1} if "count:" in parameters else {}
    count = "count: 1, " if given else ""

    with inline(tasks):
        schema = Schema(extensions=[tasks.extension])
        shown = execute(schema, f'mutation {{ work({count}{name}: "x") {{ status result }} }}')
        enqueued = task.enqueue(**given, **{name: "y"}).result()
        delayed = task.using(tags=["z"]).enqueue_many([{**given, name: "z"}])[0].result()

    assert shown == {"work": {"status": "COMPLETED", "result": "x"}}
    assert (enqueued, delayed) == ("y", "z")


@pytest.mark.parametrize("name", ["self", "countdown", "source"])
async def test_async_twins(name: str) -> None:
    """`aenqueue` and `delay` take it likewise."""
    tasks = Tasks("memory://")
    task = tasks.task()(function_of(f"{name}: str", name))

    with inline(tasks):
        assert (await task.aenqueue(**{name: "x"})).result() == "x"
        assert (await task.delay(**{name: "x"})).result() == "x"


def test_extensions_get_it_with_an_underscore() -> None:
    """Extensions get it under a name that is none of their own parameters, and no other argument's."""
    tasks = Tasks("memory://")
    passing = Passing()

    @tasks.mutation(extensions=[passing])
    def work(source: str, source_: int, other: int) -> str:
        return f"{source}{source_}{other}"

    with inline(tasks):
        data = execute(
            Schema(extensions=[tasks.extension]), 'mutation { work(source: "a", source_: 1, other: 2) { result } }'
        )

    assert data == {"work": {"result": "a12"}}
    assert passing.seen == {"source__": "a", "source_": 1, "other": 2}


def test_what_strawberry_argument_says_is_kept() -> None:
    """A description, a deprecation and another name are shown as ever."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def work(
        source: Annotated[str, strawberry.argument(description="Where from.", deprecation_reason="Old.")] = "a",
        info: Annotated[str, strawberry.argument(name="information")] = "b",
        root: list[str] = ["c"],  # noqa: B006
    ) -> str:
        return source + info + root[0]

    schema = Schema(extensions=[tasks.extension], config=StrawberryConfig(auto_camel_case=False))
    with inline(tasks):
        data = execute(schema, 'mutation { work(information: "x") { result } }')

    assert data == {"work": {"result": "axc"}}
    assert '"""Where from."""\n    source: String! = "a" @deprecated(reason: "Old.")' in schema.as_str()


@pytest.mark.parametrize(
    "annotation",
    [str, Annotated[str, strawberry.argument(description="…")], Annotated[str, strawberry.argument(name="info")]],
)
def test_info_of_a_mutation_is_refused(annotation: Any) -> None:
    """graphql-core hands an argument of that name to nobody, so the declaration says what to do."""

    def work(info: str) -> None: ...

    work.__annotations__["info"] = annotation

    with pytest.raises(TaskDeclarationError, match=r"^task 'work', parameter 'info': .*strawberry\.argument\(name="):
        Tasks("memory://").mutation()(work)


def test_another_parameter_shown_as_info_is_refused() -> None:
    """It is the name in GraphQL that counts."""

    def work(details: Annotated[str, strawberry.argument(name="info")]) -> None: ...

    work.__annotations__["details"] = Annotated[str, strawberry.argument(name="info")]

    with pytest.raises(TaskDeclarationError, match="parameter 'details'"):
        Tasks("memory://").mutation()(work)


def test_a_function_of_no_module() -> None:
    """A function that was made where no module can be imported again, as by `exec`, is as good as any."""
    tasks = Tasks("memory://")
    namespace: dict[str, Any] = {"__name__": "nowhere"}
    exec("def work(number: int) -> int: return number", namespace)
    tasks.mutation()(namespace["work"])

    with inline(tasks):
        data = execute(Schema(extensions=[tasks.extension]), "mutation { work(number: 1) { output } }")

    assert data == {"work": {"output": 1}}
