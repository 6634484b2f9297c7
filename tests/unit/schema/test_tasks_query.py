"""The list of runs: filters and pages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.testing import inline
from tests.operations import Person, execute, refuse

ANNA = Person(pk=1)


@pytest.fixture
def schema() -> Any:
    """A schema over an empty store, with a task that succeeds and one that does not."""
    tasks = Tasks("memory://", max_retries=0)

    @tasks.mutation()
    def succeed(number: int) -> int:
        return number

    @tasks.mutation()
    def fail() -> int:
        raise ValueError

    schema = Schema(extensions=[tasks.extension])
    with inline(tasks):
        yield schema


def start(schema: Any, count: int, user: object = ANNA) -> list[str]:
    """Start runs, and return their ids, newest first."""
    document = "mutation Go($n: Int!) { succeed(number: $n) { id } }"
    ids = [execute(schema, document, {"n": number}, user)["succeed"]["id"] for number in range(count)]
    return ids[::-1]


def page_of(schema: Any, arguments: str = "", user: object = ANNA) -> Any:
    """Ask for a page."""
    document = f"""{{ tasks{arguments} {{
        nodes {{ id }}
        edges {{ cursor node {{ id }} }}
        pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
    }} }}"""
    return execute(schema, document, user=user)["tasks"]


def ids_of(page: Any) -> list[str]:
    """Return the ids of a page's runs."""
    return [node["id"] for node in page["nodes"]]


def test_newest_first(schema: Any) -> None:
    """Runs come newest first, as nodes and as edges."""
    ids = start(schema, 3)

    page = page_of(schema)

    assert ids_of(page) == ids
    assert [edge["node"]["id"] for edge in page["edges"]] == ids
    assert page["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": page["edges"][0]["cursor"],
        "endCursor": page["edges"][-1]["cursor"],
    }


def test_nothing(schema: Any) -> None:
    """An empty list is an empty page."""
    assert page_of(schema) == {
        "nodes": [],
        "edges": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


def test_several_pages(schema: Any) -> None:
    """Reading on from each end cursor gives every run once."""
    ids = start(schema, 7)

    first = page_of(schema, "(first: 3)")
    second = page_of(schema, f'(first: 3, after: "{first["pageInfo"]["endCursor"]}")')
    third = page_of(schema, f'(first: 3, after: "{second["pageInfo"]["endCursor"]}")')

    assert [ids_of(page) for page in (first, second, third)] == [ids[:3], ids[3:6], ids[6:]]
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second, third)] == [True, True, False]
    assert [page["pageInfo"]["hasPreviousPage"] for page in (first, second, third)] == [False, True, True]


def test_page_that_ends_exactly(schema: Any) -> None:
    """A page that holds the last run has no next one."""
    start(schema, 3)

    assert page_of(schema, "(first: 3)")["pageInfo"]["hasNextPage"] is False


def test_any_cursor_reads_on(schema: Any) -> None:
    """Each edge's cursor continues after its run."""
    ids = start(schema, 4)
    edge = page_of(schema)["edges"][1]

    assert ids_of(page_of(schema, f'(after: "{edge["cursor"]}")')) == ids[2:]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("(status: [FAILED])", ["fail"]),
        ("(status: [COMPLETED, FAILED])", ["succeed", "fail", "succeed"]),
        ("(status: [RUNNING])", []),
        ("(status: [])", ["succeed", "fail", "succeed"]),
        ('(name: "fail")', ["fail"]),
        ('(name: "succeed", status: [FAILED])', []),
        ('(name: "unknown")', []),
    ],
)
def test_filters(schema: Any, arguments: str, names: list[str]) -> None:
    """Status and name choose, and both together."""
    start(schema, 1)
    execute(schema, "mutation { fail { id } }", user=ANNA)
    start(schema, 1)

    data = execute(schema, f"{{ tasks{arguments} {{ nodes {{ name }} }} }}", user=ANNA)

    assert [node["name"] for node in data["tasks"]["nodes"]] == names


def test_pages_of_a_filter(schema: Any) -> None:
    """Pages are filled with runs that match."""
    execute(schema, "mutation { fail { id } }", user=ANNA)
    start(schema, 3)
    execute(schema, "mutation { fail { id } }", user=ANNA)

    first = page_of(schema, '(first: 1, name: "fail")')
    second = page_of(schema, f'(first: 1, name: "fail", after: "{first["pageInfo"]["endCursor"]}")')

    assert len(first["nodes"]) == len(second["nodes"]) == 1
    assert ids_of(first) != ids_of(second)
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second)] == [True, False]


@pytest.mark.parametrize("first", [0, -1, 101, 2**31 - 1])
def test_first_out_of_range(schema: Any, first: int) -> None:
    """A page has 1 to 100 runs."""
    message, code = refuse(schema, f"{{ tasks(first: {first}) {{ nodes {{ id }} }} }}", user=ANNA)

    assert code == "BAD_TASK_INPUT"
    assert message == f"tasks(first:): expected 1 to 100, got {first}."


@pytest.mark.parametrize("after", ["", "x", "bm90IGEgY3Vyc29y", "ä", "MQ=="])
def test_bad_cursor(schema: Any, after: str) -> None:
    """What is no cursor is refused."""
    message, code = refuse(schema, f'{{ tasks(after: "{after}") {{ nodes {{ id }} }} }}', user=ANNA)

    assert code == "BAD_TASK_INPUT"
    assert "tasks(after:)" in message


async def test_async_execution(schema: Any) -> None:
    """The list works on an event loop, too."""
    ids = await asyncio.to_thread(start, schema, 2)

    result = await schema.execute("{ tasks { nodes { id } } }", context_value={"user": ANNA})

    assert ids_of(result.data["tasks"]) == ids
