"""Types that a module defines further down than the task."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.errors import TaskDeclarationError
from strawberry_tasks.testing import inline
from tests.operations import execute

HEAD = """
from __future__ import annotations
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Generic, Optional, TypeVar
import strawberry
from strawberry_tasks import Schema, TaskContext, Tasks
if TYPE_CHECKING:
    from elsewhere import Missing
tasks = Tasks("memory://")
"""

TYPES = """
T = TypeVar("T")
@strawberry.input
class Period:
    since: int
@strawberry.type
class Report:
    total: int
@strawberry.type
class Page(Generic[T]):
    items: list[T]
"""

PLAIN = """
@tasks.mutation()
def work(period: Period) -> Report:
    return Report(total=period.since)
"""

SPELLINGS = [
    PLAIN,
    PLAIN.replace("Period)", "Period | None = None)"),
    PLAIN.replace("Period)", "Annotated[Period, strawberry.argument(description='When.')])"),
    PLAIN.replace("def work(", "def work(task: TaskContext, "),
    PLAIN.replace("def work(", "def work(info: strawberry.Info, "),
    PLAIN.replace("-> Report", "-> Optional[Report]"),
    PLAIN.replace("-> Report", "-> 'Report'"),
    PLAIN.replace("def", "async def"),
    PLAIN.replace("mutation()", "mutation(concurrency=1, concurrency_key=lambda **_: 'a')"),
]


def module_of(source: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    module = ModuleType("written_down")
    monkeypatch.setitem(sys.modules, "written_down", module)
    exec(compile(source, "written_down.py", "exec"), vars(module))
    return module


@pytest.mark.parametrize("task", SPELLINGS)
def test_defined_further_down(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parameter's type, and a result's, may come after the task."""
    module = module_of(HEAD + task + TYPES, monkeypatch)

    with inline(module.tasks):
        schema = Schema(extensions=[module.tasks.extension])
        data = execute(schema, "mutation { work(period: {since: 3}) { output { total } } }")
        assert module.work.enqueue(period=module.Period(since=4)).result() == module.Report(total=4)

    assert data == {"work": {"output": {"total": 3}}}


def test_generic_types_further_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """So may generic ones and lists."""
    source = """
@tasks.mutation()
def work(periods: list[Period]) -> Page[Report]:
    return Page(items=[Report(total=each.since) for each in periods])
"""
    module = module_of(HEAD + source + TYPES, monkeypatch)

    with inline(module.tasks):
        schema = Schema(extensions=[module.tasks.extension])
        data = execute(schema, "mutation { work(periods: [{since: 3}]) { output { items { total } } } }")

    assert data == {"work": {"output": {"items": [{"total": 3}]}}}


def test_only_python_code_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks without a mutation, and periodic ones, need no schema for it."""
    source = """
@tasks.task()
def work(period: Period) -> Report:
    return Report(total=period.since)
@tasks.periodic(every=timedelta(minutes=1))
def beat(number: int = 1) -> Report:
    return Report(total=number)
"""
    module = module_of(HEAD + source + TYPES, monkeypatch)

    with inline(module.tasks):
        assert module.work.enqueue(module.Period(since=3)).result().total == 3
        assert module.beat.enqueue().result().total == 1


@pytest.mark.parametrize("name", ["Missing", "Mispelled"])
@pytest.mark.parametrize("task", [PLAIN.replace("Period)", "{})"), PLAIN.replace("-> Report", "-> {}")])
def test_never_defined(task: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not there in the end is refused when the schema is made or a run is started, by task and place."""
    source = task.replace("{}", name)
    module = module_of(HEAD + source + TYPES, monkeypatch)

    with pytest.raises(TaskDeclarationError, match=f"^task 'work', .*names '{name}'"):
        Schema(extensions=[module.tasks.extension])
    with inline(module.tasks), pytest.raises(TaskDeclarationError, match=f"^task 'work', .*names '{name}'"):
        module.work.enqueue(period=module.Period(since=3))


def test_one_that_cannot_cross(monkeypatch: pytest.MonkeyPatch) -> None:
    """What turns out not to be a GraphQL type is refused then, with the hint that it always has."""
    module = module_of(HEAD + PLAIN + TYPES.replace("@strawberry.input", ""), monkeypatch)

    with pytest.raises(TaskDeclarationError, match=r"parameter 'period': .*Decorate it with @strawberry.input"):
        Schema(extensions=[module.tasks.extension])


def test_a_module_that_is_complete() -> None:
    """Where nothing more will come, a missing name is refused at once."""

    def work(period: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TaskDeclarationError, match="names 'Nowhere'"):
        Tasks("memory://").task()(work)


def test_a_schema_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema that is made above the type says so, and one below has it."""
    early = "try:\n    Schema(extensions=[tasks.extension])\nexcept Exception as error:\n    early = error\n"
    module = module_of(HEAD + PLAIN + early + TYPES, monkeypatch)

    assert "names 'Period'" in str(module.early)
    assert "work(" in Schema(extensions=[module.tasks.extension]).as_str()
