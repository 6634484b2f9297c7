"""Arguments of every type reach the function as real Python values, through GraphQL and the codec."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, NewType, TypeVar
from uuid import UUID

import pytest
import strawberry
from strawberry import UNSET, Maybe, Some
from strawberry.relay import GlobalID
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from strawberry_tasks import Schema, TaskContext, Tasks
from strawberry_tasks.testing import inline, recorded
from tests.operations import execute, perform, refuse

T = TypeVar("T")


@strawberry.enum
class Speed(Enum):
    SLOW = "slow"
    FAST = "fast"


@strawberry.input
class Period:
    since: date
    until: date | None = None


@strawberry.input
class Filter:
    periods: list[Period]
    speed: Speed = Speed.SLOW
    note: Maybe[str | None]
    label: str | None = UNSET


@strawberry.input
class Pair(Generic[T]):
    left: T
    right: T


@strawberry.input(one_of=True)
class Choice:
    number: Maybe[int]
    text: Maybe[str]


Money = NewType("Money", Decimal)
MONEY = {Money: strawberry.scalar(name="Money", serialize=str, parse_value=lambda text: Money(Decimal(text)))}


SCALARS = [
    (int, "1", 1),
    (float, "1.5", 1.5),
    (float, "2", 2.0),
    (str, '"ä \\u2603"', "ä \u2603"),
    (bool, "true", True),
    (strawberry.ID, '"a"', "a"),
    (datetime, '"2026-01-02T03:04:05+00:00"', datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (date, '"2026-01-02"', date(2026, 1, 2)),
    (time, '"03:04:05"', time(3, 4, 5)),
    (UUID, '"12345678-1234-5678-1234-567812345678"', UUID("12345678-1234-5678-1234-567812345678")),
    (Decimal, '"1.10"', Decimal("1.10")),
    (GlobalID, '"Tm9kZTox"', GlobalID("Node", "1")),
    (JSON, '{a: [1, "b"]}', {"a": [1, "b"]}),
    (Speed, "FAST", Speed.FAST),
    (list[int], "[1, 2]", [1, 2]),
    (list[list[str]], '[["a"], []]', [["a"], []]),
    (list[Speed | None], "[FAST, null]", [Speed.FAST, None]),
    (int | None, "null", None),
    (Period, '{since: "2026-01-02"}', Period(since=date(2026, 1, 2))),
    (Pair[int], "{left: 1, right: 2}", Pair(left=1, right=2)),
    (Choice, "{number: 3}", Choice(number=Some(3), text=None)),
    (Maybe[int], "4", Some(4)),
    (Maybe[int | None], "null", Some(None)),
]


@pytest.mark.parametrize(("annotation", "literal", "expected"), SCALARS, ids=lambda value: str(value)[:40])
def test_arrives_as_python_value(annotation: Any, literal: str, expected: object) -> None:
    """A GraphQL literal arrives in the function as the value of its declared type."""
    tasks = Tasks("memory://")
    seen = []

    @tasks.mutation()
    def take(value: annotation) -> None:
        seen.append(value)

    handle = perform(tasks, f"mutation {{ take(value: {literal}) {{ status error }} }}")

    assert handle == {"status": "COMPLETED", "error": None}
    assert seen == [expected]
    assert type(seen[0]) is type(expected)


def test_nested_input() -> None:
    """Inputs in inputs arrive as instances, with their defaults, and with what was left out told apart from null."""
    tasks = Tasks("memory://")
    seen: list[Filter] = []

    @tasks.mutation()
    def search(filter: Filter) -> None:
        seen.append(filter)

    perform(
        tasks,
        """mutation { search(filter: {periods: [{since: "2026-01-02", until: "2026-01-03"}], note: null}) { status } }""",
    )

    (found,) = seen
    assert found == Filter(periods=[Period(since=date(2026, 1, 2), until=date(2026, 1, 3))], note=Some(None))
    assert found.label is UNSET
    assert found.speed is Speed.SLOW


def test_variables_arrive_like_literals() -> None:
    """Values in variables go the same way."""
    tasks = Tasks("memory://")
    seen: list[object] = []

    @tasks.mutation()
    def search(filter: Filter, pair: Pair[str], when: datetime) -> None:
        seen.extend([filter.speed, pair, when])

    perform(
        tasks,
        """mutation Go($filter: Filter!, $pair: StrPair!, $when: DateTime!) {
            search(filter: $filter, pair: $pair, when: $when) { status }
        }""",
        {
            "filter": {"periods": [], "speed": "FAST"},
            "pair": {"left": "l", "right": "r"},
            "when": "2026-01-02T03:04:05Z",
        },
    )

    assert seen == [Speed.FAST, Pair(left="l", right="r"), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("arguments", "expected"), [("", (None, None)), ("(one: 1, other: null)", (Some(1), Some(None)))]
)
def test_maybe_without_a_default(arguments: str, expected: object) -> None:
    """A `Maybe` may be left out, as the schema says, also where the function has no default for it."""
    tasks = Tasks("memory://")
    seen: list[object] = []

    @tasks.mutation()
    def start(
        one: Annotated[Maybe[int], strawberry.argument(description="One.")], other: Maybe[int | None], last: int = 1
    ) -> None:
        seen.append((one, other))

    perform(tasks, f"mutation {{ start{arguments} {{ status }} }}")

    assert seen == [expected]


def test_defaults_apply_to_what_is_left_out() -> None:
    """An argument that the client leaves out has the function's default, UNSET and Maybe among them."""
    tasks = Tasks("memory://")
    seen: list[object] = []

    @tasks.mutation()
    def start(
        *,
        number: int = 7,
        speed: Speed = Speed.FAST,
        words: list[str] = ["a"],  # noqa: B006
        period: Period | None = None,
        unset: int | None = UNSET,
        maybe: Maybe[int] = None,
    ) -> None:
        seen.extend([number, speed, words, period, unset, maybe])

    perform(tasks, "mutation { start { status } }")

    assert seen == [7, Speed.FAST, ["a"], None, UNSET, None]


def test_argument_annotation() -> None:
    """`strawberry.argument` gives an argument another name, a description and a deprecation."""
    tasks = Tasks("memory://")
    seen: list[str] = []

    @tasks.mutation()
    def rename(
        old: Annotated[str, strawberry.argument(name="from", description="What it was.")] = "x",
        new: Annotated[str, strawberry.argument(deprecation_reason="Unused.")] = "y",
    ) -> None:
        seen.append(old)

    perform(tasks, """mutation { rename(from: "a") { status } }""")

    printed = Schema(extensions=[tasks.extension]).as_str()
    assert seen == ["a"]
    assert '"""What it was."""' in printed
    assert 'new: String! = "y" @deprecated(reason: "Unused.")' in printed


def test_custom_scalar() -> None:
    """A custom scalar of the schema crosses when `Tasks` knows it too."""
    tasks = Tasks("memory://", scalar_map=MONEY)
    seen: list[Money] = []

    @tasks.mutation()
    def pay(amount: Money) -> Money:
        seen.append(amount)
        return Money(amount * 2)

    schema = Schema(extensions=[tasks.extension], config=StrawberryConfig(scalar_map=MONEY))
    with inline(tasks):
        data = execute(schema, """mutation { pay(amount: "1.50") { output result } }""")

    assert seen == [Decimal("1.50")]
    assert data == {"pay": {"output": "3.00", "result": "3.00"}}


@pytest.mark.parametrize(
    "name", ["source", "function", "next_", "kwargs", "args", "runtime", "task", "self_", "context"]
)
async def test_argument_of_any_name(name: str) -> None:
    """No name of ours gets into the way of an argument's, neither in GraphQL nor in Python."""
    tasks = Tasks("memory://")
    namespace: dict[str, Any] = {"tasks": tasks, "__name__": __name__}
    exec(f"@tasks.mutation()\ndef echo({name}: str) -> str:\n    return {name}", namespace)
    schema = Schema(extensions=[tasks.extension], config=StrawberryConfig(auto_camel_case=False))

    with inline(tasks):
        result = await schema.execute(f'mutation {{ echo({name}: "a") {{ output }} }}')
        handle = await namespace["echo"].aenqueue(**{name: "b"})
        delayed = await namespace["echo"].delay(**{name: "c"})
        outputs = [await handle.aresult(), await delayed.aresult()]

    assert result.data == {"echo": {"output": "a"}}
    assert outputs == ["b", "c"]


def test_context_is_no_argument() -> None:
    """The context parameter is not shown to clients, wherever it stands and whatever it is called."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def count(first: int, *, me: TaskContext, second: int = 2) -> str:
        return f"{me.name} {first + second}"

    handle = perform(tasks, "mutation { count(first: 1) { output } }")

    assert handle == {"output": "count 3"}
    assert "count(first: Int!, second: Int! = 2)" in Schema(extensions=[tasks.extension]).as_str()


def test_names_without_camel_case() -> None:
    """`auto_camel_case=False` applies to the tasks' fields and arguments, too."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def sync_inventory(from_provider: str) -> str:
        return from_provider

    schema = Schema(extensions=[tasks.extension], config=StrawberryConfig(auto_camel_case=False))
    with inline(tasks):
        started = execute(schema, """mutation { sync_inventory(from_provider: "a") { task_id name output } }""")
        run_id = started["sync_inventory"]["task_id"]
        found = execute(schema, f'{{ task(id: "{run_id}") {{ is_terminal }} tasks {{ nodes {{ id }} }} }}')

    assert started == {"sync_inventory": {"task_id": run_id, "name": "syncInventory", "output": "a"}}
    assert found == {"task": {"is_terminal": True}, "tasks": {"nodes": []}}


@pytest.mark.parametrize("arguments", ["", "(count: null)", '(count: "1")', "(count: 3000000000)", "(cuont: 1)"])
def test_misfit_enqueues_nothing(arguments: str) -> None:
    """An argument that does not fit is GraphQL's own error, and nothing is enqueued."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def start(count: int) -> None: ...

    schema = Schema(extensions=[tasks.extension])
    with recorded(tasks) as recorder:
        result = schema.execute_sync(f"mutation {{ start{arguments} {{ id }} }}")

    assert result.errors
    recorder.assert_nothing_enqueued()


def test_value_that_graphql_lets_through() -> None:
    """What GraphQL takes but the codec does not is BAD_TASK_INPUT, and names the argument."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def start(value: JSON) -> None: ...

    schema = Schema(extensions=[tasks.extension])
    with recorded(tasks) as recorder:
        message, code = refuse(schema, "mutation Go($v: JSON!) { start(value: $v) { id } }", {"v": {"a": float("nan")}})

    assert code == "BAD_TASK_INPUT"
    assert "parameter 'value'" in message
    recorder.assert_nothing_enqueued()
