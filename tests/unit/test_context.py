"""What the running function sees: its context, or `info` for those who write it like a resolver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import strawberry

from strawberry_tasks import OwnerPolicy, Schema, TaskContext, Tasks, Viewer
from strawberry_tasks.schema.registry import in_event_loop
from strawberry_tasks.testing import inline, recorded
from tests.operations import Person, execute


class Claiming(OwnerPolicy):
    """Captures a tenant when a run is enqueued, and loads users by a name."""

    def viewer(self, context: Any) -> Viewer:
        return Viewer(id="5", claims={"tenant": context["tenant"]})

    def load_user(self, viewer: Viewer) -> object:
        return f"user {viewer.id} of {viewer.claims['tenant']}"


def test_facts_of_the_run() -> None:
    """The context knows the run, the attempt and who started it."""
    tasks = Tasks("memory://", max_retries=2)
    seen: list[TaskContext] = []

    @tasks.task(queue="slow")
    def work(task: TaskContext) -> None:
        seen.append(task)

    with inline(tasks):
        handle = work.using(viewer=Viewer(id="1", claims={"a": [1]})).enqueue()

    (task,) = seen
    assert (task.id, task.name, task.queue) == (handle.id, "work", "slow")
    assert (task.attempt, task.max_retries) == (1, 2)
    assert task.viewer == Viewer(id="1", claims={"a": [1]})


@pytest.mark.parametrize(
    "read",
    [
        lambda context: context.user,
        lambda context: context["user"],
        lambda context: context.get("user"),
        lambda context: {**context}["user"],
    ],
)
def test_a_context_is_read_as_in_any_resolver(read: Callable[[Any], str]) -> None:
    """By attribute and by key, whichever the frameworks' contexts are read by."""
    tasks = Tasks("memory://", policy=Claiming())

    @tasks.task()
    def work(info) -> str:  # type: ignore[no-untyped-def]
        assert ("user" in info.context, "request" in info.context) == (True, False)
        assert info.context.get("request") is None
        return read(info.context)

    with inline(tasks):
        assert work.using(viewer=Viewer(id="5", claims={"tenant": 8})).enqueue().result() == "user 5 of 8"


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (lambda context: context.request, AttributeError),
        (lambda context: context["request"], KeyError),
    ],
)
def test_what_is_not_in_a_worker_is_told(read: Callable[[Any], object], error: type[Exception]) -> None:
    """The error says what there is, and how to hand over what is not."""
    tasks = Tasks("memory://")

    @tasks.task()
    def work(info) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(error, match=r"a worker has `task` and `user`, got 'request'.*claims_of"):
            read(info.context)

    with inline(tasks):
        work.enqueue().result()


def test_an_attribute_error_of_the_policy_is_seen_as_it_is() -> None:
    """It is not taken for a context without a user."""

    class Typo(OwnerPolicy):
        def load_user(self, viewer: Viewer) -> object:
            return viewer.nmae  # type: ignore[attr-defined]

    tasks = Tasks("memory://", policy=Typo())

    @tasks.task()
    def work(info) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(AttributeError, match="nmae"):
            _ = info.context.user

    with inline(tasks):
        work.enqueue().result()


def test_info_as_in_a_resolver() -> None:
    """`info.context.task` reports progress, and `info.context.user` is who started the run."""
    tasks = Tasks("memory://", policy=Claiming())

    @tasks.mutation()
    def work(info, provider: str) -> str:  # type: ignore[no-untyped-def]
        info.context.task.update_progress(10, "Fetching…")
        return f"{provider} {info.context.user}"

    schema = Schema(extensions=[tasks.extension])
    with inline(tasks):
        result = schema.execute_sync(
            'mutation { work(provider: "A") { output progressCurrent progressTotal progressMessage } }',
            context_value={"tenant": 8},
        )

    assert result.errors is None
    assert result.data == {
        "work": {
            "output": "A user 5 of 8",
            "progressCurrent": 10,
            "progressTotal": 100,
            "progressMessage": "Fetching…",
        }
    }


def test_root_and_typed_info() -> None:
    """`root` is None, and `info` may have Strawberry's annotation and another name."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    async def work(root, inf: strawberry.Info, number: int) -> str:  # type: ignore[no-untyped-def]
        return f"{root} {inf.context.user.id} {number}"

    schema = Schema(extensions=[tasks.extension])
    with inline(tasks):
        data = execute(schema, "mutation { work(number: 1) { output } }", user=Person(pk=4))

    assert data == {"work": {"output": "None 4 1"}}
    assert "work(number: Int!)" in schema.as_str()


def test_enqueue_inside_a_task() -> None:
    """A task may start another one."""
    tasks = Tasks("memory://")

    @tasks.task()
    def inner() -> int:
        return 1

    @tasks.task()
    def outer() -> int:
        return inner.enqueue().result() + 1

    with inline(tasks):
        assert outer.enqueue().result() == 2


async def test_enqueue_inside_an_async_task() -> None:
    """An async task may start another one, and await it."""
    tasks = Tasks("memory://")

    @tasks.task()
    async def inner() -> int:
        return 1

    @tasks.task()
    async def outer() -> int:
        return await (await inner.aenqueue()).aresult() + 1

    with inline(tasks):
        handle = await outer.aenqueue()

        assert await handle.aresult() == 2


def test_progress_is_seen_while_it_runs() -> None:
    """What the function reports is in the store before the function has returned."""
    tasks = Tasks("memory://")
    seen = []

    @tasks.task()
    def work(task: TaskContext) -> None:
        task.progress(1, 4)
        for state in iter_states(tasks, task.id):
            if state.progress_current == 1:
                seen.append(state.progress)
                break

    with recorded(tasks) as recorder:
        work.enqueue()
        recorder.perform(recorder.runs[0])

    assert seen == [25.0]


def iter_states(tasks: Tasks, run_id: str) -> Any:
    """Read a run's state again and again."""
    while True:
        yield tasks.handle(run_id).refresh()


def test_async_functions_find_the_user_loaded() -> None:
    """The policy may read a database, which is not done on an event loop; it is asked once."""
    loops: list[bool] = []

    class Loading(OwnerPolicy):
        def load_user(self, viewer: Viewer) -> object:
            loops.append(in_event_loop())
            return "ann"

    tasks = Tasks("memory://", policy=Loading())

    @tasks.task()
    async def greet(info) -> str:  # type: ignore[no-untyped-def]
        return f"{info.context.user} {info.context.user}"

    with inline(tasks):
        result = greet.enqueue().result()

    assert result == "ann ann"
    assert loops == [False]


@pytest.mark.parametrize("asks", [True, False])
def test_a_user_that_cannot_be_loaded_fails_who_asks(asks: bool) -> None:
    """A function that does not ask who started the run goes on without."""

    class Failing(OwnerPolicy):
        def load_user(self, viewer: Viewer) -> object:
            raise LookupError("gone")

    tasks = Tasks("memory://", policy=Failing(), max_retries=0)

    @tasks.task()
    async def greet(info, asks: bool) -> str:  # type: ignore[no-untyped-def]
        return str(info.context.user) if asks else "nobody"

    with inline(tasks):
        run = greet.enqueue(asks=asks).refresh()

        result = tasks.runtime().read_result(run.id)

    assert (result, run.failure and run.failure.exception) == ((None, "LookupError") if asks else ('"nobody"', None))


def test_claims_of_a_user_are_kept_with_the_run() -> None:
    """`claims_of` is the one place to say what a task needs to know of who started it."""

    class Tenants(OwnerPolicy):
        def claims_of(self, user: Any) -> dict[str, Any]:
            return {"tenant": f"of {user.pk}"}

    tasks = Tasks("memory://", policy=Tenants())

    @tasks.mutation()
    def work(task: TaskContext) -> str:
        return str(task.viewer.claims["tenant"])

    with inline(tasks):
        data = execute(Schema(extensions=[tasks.extension]), "mutation { work { output } }", user=Person(pk=7))

    assert data == {"work": {"output": "of 7"}}
