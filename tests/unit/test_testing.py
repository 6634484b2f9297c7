"""What users test their tasks with."""

from __future__ import annotations

from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
import strawberry

from strawberry_tasks import Schema, TaskContext, Tasks, TaskStatus
from strawberry_tasks.errors import TaskNotFoundError
from strawberry_tasks.testing import SubscriptionError, inline, recorded, subscribe
from tests.operations import execute


@strawberry.input
class Address:
    street: str


def declared() -> tuple[Tasks, Any]:
    """Make a task with arguments of several kinds."""
    tasks = Tasks("memory://", max_retries=1, queues=["slow"])

    @tasks.mutation(queue="mail")
    def send(to: Address, copies: list[int], task: TaskContext) -> int:
        task.progress(1, 2)
        return len(copies)

    return tasks, send


def test_inline_starts_empty_and_leaves_nothing() -> None:
    """Each block has a store of its own."""
    tasks, send = declared()

    with inline(tasks):
        run_id = send.enqueue(Address(street="a"), [1]).id
        assert tasks.handle(run_id).refresh().status is TaskStatus.COMPLETED

    with inline(tasks), pytest.raises(TaskNotFoundError, match=run_id):
        tasks.handle(run_id)


def test_inline_skips_waits() -> None:
    """Delays and the waits between attempts take no time."""
    tasks = Tasks("memory://", max_retries=3, retry_delay=timedelta(days=1))

    @tasks.task()
    def work(task: TaskContext) -> int:
        if task.attempt < 4:
            raise ValueError
        return task.attempt

    with inline(tasks):
        assert work.using(delay=timedelta(days=1)).enqueue().result() == 4


def test_blocks_nest() -> None:
    """The inner block's runs are its own; afterwards the outer one goes on."""
    tasks, send = declared()

    with recorded(tasks) as outer:
        with inline(tasks):
            send.enqueue(Address(street="a"), [])
        outer.assert_nothing_enqueued()
        send.enqueue(Address(street="a"), [])

    assert len(outer.runs) == 1


def test_recorded_runs() -> None:
    """A recorded run shows what was enqueued, and nothing is performed."""
    tasks, send = declared()

    with recorded(tasks) as recorder:
        handle = send.using(delay=timedelta(seconds=5)).enqueue(Address(street="a"), [1, 2])

        assert handle.refresh().status is TaskStatus.PENDING
    (run,) = recorder.runs
    assert (run.id, run.task.name, run.queue, run.delay, run.owner) == (
        handle.id,
        "send",
        "mail",
        timedelta(seconds=5),
        None,
    )
    assert run.arguments == {"to": Address(street="a"), "copies": [1, 2]}
    assert recorder.of(send) == [run]


def test_assert_enqueued() -> None:
    """`assert_enqueued` finds the one run with some arguments, and returns it."""
    tasks, send = declared()

    with recorded(tasks) as recorder:
        send.enqueue(Address(street="a"), [1])
        send.enqueue(Address(street="b"), [1])

    assert recorder.assert_enqueued(send, to=Address(street="b")) is recorder.runs[1]


@pytest.mark.parametrize(("arguments", "count"), [({"copies": [9]}, 0), ({"copies": [1]}, 2), ({"other": 1}, 0)])
def test_assert_enqueued_fails(arguments: dict[str, Any], count: int) -> None:
    """None or more than one fails, and shows what was enqueued."""
    tasks, send = declared()

    with recorded(tasks) as recorder:
        send.enqueue(Address(street="a"), [1])
        send.enqueue(Address(street="b"), [1])

    with pytest.raises(AssertionError, match=rf"got {count}\. Enqueued was: send\(.*street='a'.*, send\("):
        recorder.assert_enqueued(send, **arguments)
    with pytest.raises(AssertionError, match="expected nothing"):
        recorder.assert_nothing_enqueued()


def test_assert_enqueued_with_any_argument_name() -> None:
    """An argument may be called like one of the assertion's own."""
    tasks = Tasks("memory://")

    @tasks.task()
    def assign(task: str) -> None: ...

    with recorded(tasks) as recorder:
        assign.enqueue(task="a")

    recorder.assert_enqueued(assign, task="a")


def test_recorded_task_is_the_declared_one() -> None:
    """Runs that were started with other options belong to the declared task, too."""
    tasks, send = declared()

    with recorded(tasks) as recorder:
        send.using(queue="slow").enqueue(Address(street="a"), [])

    assert recorder.assert_enqueued(send).queue == "slow"


def test_perform() -> None:
    """A recorded run can be performed, and how it ended comes back."""
    tasks, send = declared()

    with recorded(tasks) as recorder:
        handle = send.enqueue(Address(street="a"), [1])
        end = recorder.perform(recorder.runs[0])

        assert end == handle.refresh()
        assert (end.status, handle.result()) == (TaskStatus.COMPLETED, 1)


async def test_subscribe() -> None:
    """`subscribe` yields the data of each event, up to the end."""
    tasks, send = declared()
    schema = Schema(extensions=[tasks.extension])

    with recorded(tasks) as recorder:
        handle = await send.aenqueue(Address(street="a"), [1])
        document = "subscription Watch($id: ID!) { taskProgress(taskId: $id) { status progress } }"
        async with aclosing(subscribe(schema, document, {"id": handle.id})) as events:
            first = await anext(events)
            await tasks.runtime().off_loop(recorder.perform, recorder.runs[0])
            rest = [event async for event in events]

    assert first == {"taskProgress": {"status": "PENDING", "progress": 0.0}}
    assert rest[-1] == {"taskProgress": {"status": "COMPLETED", "progress": 100.0}}


@pytest.mark.parametrize(
    ("document", "codes"),
    [('subscription { taskProgress(taskId: "x") { id } }', ["TASK_NOT_FOUND"]), ("subscription { nothing }", [])],
)
async def test_subscription_is_refused(document: str, codes: list[str]) -> None:
    """A refusal raises the errors and their codes."""
    tasks, _ = declared()
    schema = Schema(extensions=[tasks.extension])

    with inline(tasks), pytest.raises(SubscriptionError) as caught:
        await anext(aiter(subscribe(schema, document)))

    assert caught.value.codes == codes
    assert caught.value.errors


async def test_typename_of_each_event() -> None:
    """Handles of several types tell which one they are, through every field."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def number() -> int:
        return 1

    @tasks.mutation()
    def text() -> str | None:
        return None

    @tasks.mutation()
    def nothing() -> None: ...

    @tasks.task()
    def hidden() -> float:
        return 1.5

    schema = Schema(extensions=[tasks.extension])
    expected = {
        "number": "NumberTaskHandle",
        "text": "TextTaskHandle",
        "nothing": "NothingTaskHandle",
        "hidden": "UntypedTaskHandle",
    }
    seen: dict[str, set[str]] = {}
    with inline(tasks):
        for task in (number, text, nothing, hidden):
            handle = await task.aenqueue()
            found = await schema.execute(f'{{ task(id: "{handle.id}") {{ __typename }} }}')
            document = f'subscription {{ taskProgress(taskId: "{handle.id}") {{ __typename }} }}'
            events = [event["taskProgress"]["__typename"] async for event in subscribe(schema, document)]
            assert found.data is not None
            seen[task.name] = {found.data["task"]["__typename"], *events}
        listed = await schema.execute(
            "{ tasks { nodes { name __typename } } }",
            context_value={"user": type("Staff", (), {"pk": 1, "is_staff": True})()},
        )

    assert seen == {name: {typename} for name, typename in expected.items()}
    assert listed.data is not None
    assert {node["name"]: node["__typename"] for node in listed.data["tasks"]["nodes"]} == expected


def test_run_of_an_unknown_task() -> None:
    """A run whose task this process does not know is an untyped handle that hides its result."""
    here, there = Tasks("memory://"), Tasks("memory://")

    @there.task()
    def secret() -> dict[str, str]:
        return {"password": "x"}

    schema = Schema(extensions=[here.extension])
    with inline(there), here.replaced(there.runtime()):
        run_id = secret.enqueue().id
        data = execute(schema, f'{{ task(id: "{run_id}") {{ __typename name status result }} }}')

    assert data == {
        "task": {"__typename": "UntypedTaskHandle", "name": "secret", "status": "COMPLETED", "result": None}
    }
