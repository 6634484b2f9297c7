"""Starting runs: what is recorded and sent, and what a failed start leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strawberry_tasks import Schema, Tasks, Viewer
from strawberry_tasks.errors import ConfigurationError, QueueUnavailableError, TaskInputError
from strawberry_tasks.testing import inline, recorded
from tests.operations import refuse
from tests.unit.failing import BrokenBackend, FlakyStore, away


def declared() -> tuple[Tasks, Any]:
    """Make a task of two parameters."""
    tasks = Tasks("memory://", queues=["slow"])

    @tasks.mutation()
    def add(left: int, right: int = 1) -> int:
        return left + right

    return tasks, add


def test_call_is_bound_like_the_functions() -> None:
    """Positional and named arguments go where the function has them; defaults are left to it."""
    tasks, add = declared()

    with inline(tasks):
        assert add.enqueue(1).result() == 2
        assert add.enqueue(1, 2).result() == 3
        assert add.enqueue(right=5, left=1).result() == 6


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "task 'add': missing a required argument: 'left'."),
        ((1, 2, 3), {}, "task 'add': too many positional arguments."),
        ((1,), {"left": 2}, "task 'add': multiple values for argument 'left'."),
        ((1,), {"wrong": 2}, "task 'add': got an unexpected keyword argument 'wrong'."),
        (("1",), {}, "task 'add', parameter 'left': expected int, got str '1'"),
        ((2**31,), {}, "task 'add', parameter 'left': expected int, got int 2147483648 (a GraphQL Int has 32 bits)"),
    ],
)
def test_arguments_that_do_not_fit(args: tuple[Any, ...], kwargs: dict[str, Any], message: str) -> None:
    """Wrong arguments are refused by name, and nothing is started."""
    tasks, add = declared()

    with recorded(tasks) as recorder, pytest.raises(TaskInputError) as caught:
        add.enqueue(*args, **kwargs)

    assert str(caught.value) == message
    recorder.assert_nothing_enqueued()


async def test_async_twin() -> None:
    """`aenqueue` and `delay` start runs from async code."""
    tasks, add = declared()

    with inline(tasks):
        first = await add.aenqueue(1, right=2)
        second = await add.delay(left=1)
        results = [await first.aresult(), await second.aresult()]

    assert results == [3, 2]


async def test_countdown() -> None:
    """`delay(countdown=…)` is a wait in seconds, and no argument of the task."""
    tasks, add = declared()

    with recorded(tasks) as recorder:
        await add.delay(1, countdown=60)

    (run,) = recorder.runs
    assert (run.delay, run.arguments) == (timedelta(seconds=60), {"left": 1})


def test_options_of_one_start() -> None:
    """`using` returns another task; the one it came from stays as it was."""
    tasks, add = declared()
    claims = {"tenant": 5}

    with recorded(tasks) as recorder:
        handle = add.using(delay=timedelta(minutes=1), queue="slow", viewer=Viewer(id="7", claims=claims)).enqueue(1)
        add.enqueue(2)
        stored = handle.refresh()

    first, second = recorder.runs
    assert (first.delay, first.queue, first.owner) == (timedelta(minutes=1), "slow", "7")
    assert (second.delay, second.queue, second.owner) == (None, "default", None)
    assert (stored.queue, stored.owner, stored.claims) == ("slow", "7", claims)
    assert stored.scheduled_for is not None
    assert stored.created_at is not None
    assert stored.scheduled_for - stored.created_at == timedelta(minutes=1)


def test_options_add_up() -> None:
    """`using` after `using` keeps what the first one said."""
    tasks, add = declared()

    with recorded(tasks) as recorder:
        add.using(queue="slow").using(delay=timedelta(seconds=1)).enqueue(1)

    assert (recorder.runs[0].queue, recorder.runs[0].delay) == ("slow", timedelta(seconds=1))


def test_eta() -> None:
    """An `eta` is the wait until then; one that is over is no wait."""
    tasks, add = declared()

    with recorded(tasks) as recorder:
        add.using(eta=datetime.now(UTC) + timedelta(hours=1)).enqueue(1)
        add.using(eta=datetime.now(UTC) - timedelta(hours=1)).enqueue(1)

    waits = [run.delay for run in recorder.runs]
    assert waits[0] is not None
    assert timedelta(minutes=59) < waits[0] <= timedelta(hours=1)
    assert waits[1] == timedelta(0)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"delay": timedelta(seconds=-1)}, TaskInputError),
        ({"delay": timedelta.max}, TaskInputError),
        ({"eta": datetime(2026, 1, 1)}, TaskInputError),  # noqa: DTZ001
        ({"eta": datetime.max.replace(tzinfo=UTC)}, TaskInputError),
        ({"delay": timedelta(1), "eta": datetime(2026, 1, 1, tzinfo=UTC)}, TaskInputError),
        ({"delay": 5}, TaskInputError),
        ({"eta": "2026-01-01"}, TaskInputError),
        ({"expires": 5}, TaskInputError),
        ({"queue": "a b"}, ConfigurationError),
    ],
)
def test_refused_options(options: dict[str, Any], error: type[Exception]) -> None:
    """Options that cannot work are refused before anything is started."""
    _, add = declared()

    with pytest.raises(error, match=r"^(using\(\)|queue): expected "):
        add.using(**options)


@pytest.mark.parametrize("unready", ["backend", "store"])
def test_queue_is_away(unready: str) -> None:
    """Whether the queue or the store is away: QUEUE_UNAVAILABLE, and no record is left."""
    tasks, add = declared()
    backend = BrokenBackend(QueueUnavailableError()) if unready == "backend" else None
    store = FlakyStore(create=1 if unready == "store" else 0)

    with away(tasks, backend, store), pytest.raises(QueueUnavailableError):
        add.enqueue(1)

    assert store.list(owner=None, first=1).runs == []


def test_client_reads_that_the_queue_is_away() -> None:
    """The mutation fails with the code, and says that nothing was started."""
    tasks, _ = declared()
    schema = Schema(extensions=[tasks.extension])

    with away(tasks, BrokenBackend(QueueUnavailableError())):
        message, code = refuse(schema, "mutation { add(left: 1) { id } }")

    assert code == "QUEUE_UNAVAILABLE"
    assert "Nothing was started" in message


def test_unforeseen_error_of_the_queue() -> None:
    """Whatever goes wrong while sending, no record is left, and the error is told as it is."""
    tasks, add = declared()

    with away(tasks, BrokenBackend(RuntimeError("odd"))) as store, pytest.raises(RuntimeError, match="odd"):
        add.enqueue(1)

    assert store.list(owner=None, first=1).runs == []


def test_claims_that_cannot_be_stored() -> None:
    """Claims that are no JSON are the caller's error."""
    tasks, add = declared()
    viewer = Viewer(id="1", claims={"when": datetime.now(UTC)})  # type: ignore[dict-item]

    with recorded(tasks) as recorder, pytest.raises(TypeError):
        add.using(viewer=viewer).enqueue(1)

    recorder.assert_nothing_enqueued()


def test_repr() -> None:
    """Tasks and handles show their names."""
    tasks, add = declared()

    with recorded(tasks):
        handle = add.enqueue(1)

    assert repr(add) == "<Task add>"
    assert repr(handle) == f"<Handle add {handle.id}>"


def test_function_can_be_called() -> None:
    """The function itself stays at hand."""
    _, add = declared()

    assert add.function(1, 2) == 3


def test_task_is_not_called() -> None:
    """Whoever calls the task itself reads what starts a run, and what calls the function."""
    _, add = declared()

    with pytest.raises(TypeError, match=r"task 'add': expected enqueue\(…\), .* or function\(…\)"):
        add(1, 2)
