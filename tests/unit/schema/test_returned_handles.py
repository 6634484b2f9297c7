"""Resolvers of the user's own start runs, and return their handles wherever the schema says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from datetime import timedelta
from typing import Annotated, Any

import pytest
import strawberry
from strawberry.schema.base import BaseSchema
from strawberry.schema.config import StrawberryConfig

from strawberry_tasks import (
    Handle,
    Schema,
    Snapshot,
    TaskHandle,
    TaskQuery,
    Tasks,
    TaskSubscription,
    UntypedTaskHandle,
    Viewer,
)
from strawberry_tasks.testing import inline
from tests.operations import Person

ANN, BOB, STAFF = Person(pk=1), Person(pk=2), Person(pk=3, is_staff=True)


tasks = Tasks("memory://")
elsewhere = Tasks("memory://")


@strawberry.type
class Report:
    number: int


@tasks.mutation()
def export(number: int) -> Report:
    return Report(number=number)


@tasks.mutation()
def other() -> str:
    return "other"


@tasks.task()
def quiet(number: int) -> int:
    return number


@elsewhere.mutation()
def foreign() -> int:
    return 1


@strawberry.type
class Refused:
    reason: str

    def __iter__(self) -> Iterator[str]:
        """As rows and models have it."""
        return iter([self.reason])


@strawberry.type
class Placed:
    number: int
    handle: TaskHandle
    maybe: TaskHandle | None = None
    own: Handle[Report] | None = strawberry.field(graphql_type=export.handle_type | None, default=None)


KEPT: dict[str, Handle[Any]] = {}


@strawberry.type
class Query(TaskQuery):
    @strawberry.field(graphql_type=TaskHandle | None)
    def kept(self) -> Handle[Any] | None:
        return KEPT.get("run")

    @strawberry.field(graphql_type=list[TaskHandle])
    def states(self) -> list[Snapshot]:
        return [handle.refresh() for handle in KEPT.values()]

    @strawberry.field(graphql_type=TaskHandle)
    def starting(self) -> Handle[int]:
        return quiet.enqueue(1)


@strawberry.type
class Mutation:
    @strawberry.mutation
    def place(self, number: int) -> TaskHandle:
        return export.enqueue(number)  # type: ignore[return-value]

    @strawberry.mutation(graphql_type=TaskHandle)
    async def place_async(self, number: int) -> Handle[Report]:
        return await export.aenqueue(number)

    @strawberry.mutation(graphql_type=export.handle_type)
    def place_typed(self, number: int) -> Handle[Report]:
        return export.enqueue(number)

    @strawberry.mutation(graphql_type=TaskHandle)
    def place_quiet(self, number: int) -> Handle[int]:
        return quiet.enqueue(number)

    @strawberry.mutation
    def place_maybe(self, number: int) -> TaskHandle | None:
        return export.enqueue(number) if number else None  # type: ignore[return-value]

    @strawberry.mutation
    def place_in_payload(self, number: int) -> Placed:
        handle: Any = export.enqueue(number)
        return Placed(number=number, handle=handle, own=handle)

    @strawberry.mutation
    def place_all(self, numbers: list[int]) -> list[TaskHandle]:
        return export.enqueue_many((number,) for number in numbers)  # type: ignore[return-value]

    @strawberry.mutation
    async def place_each(self, numbers: list[int]) -> list[TaskHandle | None]:
        return [export.aenqueue(number) if number else None for number in numbers]  # type: ignore[misc]

    @strawberry.mutation
    def place_lazily(self, numbers: list[int]) -> list[TaskHandle]:
        return (export.enqueue(number) for number in numbers)  # type: ignore[return-value]

    @strawberry.mutation(graphql_type=Annotated[export.handle_type | Refused, strawberry.union("Outcome")])
    def place_or_refuse(self, number: int) -> Handle[Report] | Refused:
        return export.enqueue(number) if number else Refused(reason="none")

    @strawberry.mutation(graphql_type=TaskHandle)
    def place_for_nobody(self, number: int) -> Handle[Report]:
        return export.using(viewer=Viewer()).enqueue(number)

    @strawberry.mutation(graphql_type=TaskHandle)
    def place_for_bob(self, number: int) -> Handle[Report]:
        return export.using(viewer=Viewer(id="2")).enqueue(number)

    @strawberry.mutation(graphql_type=export.handle_type)
    def place_another(self) -> Handle[str]:
        return other.enqueue()

    @strawberry.mutation(graphql_type=TaskHandle)
    async def place_elsewhere(self) -> Handle[int]:
        return await foreign.aenqueue()

    @strawberry.mutation(graphql_type=TaskHandle)
    async def cancel_kept(self) -> Handle[Any]:
        await KEPT["run"].acancel()
        return KEPT["run"]


@strawberry.type
class Subscription(TaskSubscription):
    @strawberry.subscription(graphql_type=AsyncGenerator[TaskHandle, None])
    async def placing(self, number: int) -> AsyncGenerator[Snapshot | Handle[Any], None]:
        handle = await export.aenqueue(number)
        yield handle
        async for state in handle.updates():
            yield state


OURS = Schema(Query, Mutation, Subscription, extensions=[tasks.extension])
PLAIN = strawberry.Schema(Query, Mutation, Subscription, types=[UntypedTaskHandle], extensions=[tasks.extension])


@pytest.fixture(params=[OURS, PLAIN], ids=["ours", "plain"])
def schema(request: pytest.FixtureRequest) -> BaseSchema:
    """Each kind of schema."""
    found: BaseSchema = request.param
    return found


@pytest.fixture(autouse=True)
def inside() -> Iterator[None]:
    """Perform runs inline."""
    with inline(tasks), inline(elsewhere):
        yield
    KEPT.clear()


async def ask(schema: BaseSchema, document: str, user: object = ANN, **variables: Any) -> Any:
    """Execute an operation that must not fail."""
    answer = await schema.execute(document, variables, context_value={"user": user})
    assert answer.errors is None, answer.errors
    return answer.data


async def refused(schema: BaseSchema, document: str, user: object = ANN) -> tuple[str, str | None]:
    """Execute an operation that must fail, and return the message and the code."""
    answer = await schema.execute(document, context_value={"user": user})
    (error,) = answer.errors or ()
    return error.message, (error.extensions or {}).get("code")


EXPORTED = {"__typename": "ExportTaskHandle", "status": "COMPLETED", "output": {"number": 7}}
SHOWN = "__typename status ... on ExportTaskHandle { output { number } }"


@pytest.mark.parametrize(
    ("document", "data"),
    [
        (f"mutation {{ place(number: 7) {{ {SHOWN} }} }}", {"place": EXPORTED}),
        (f"mutation {{ placeTyped(number: 7) {{ {SHOWN} }} }}", {"placeTyped": EXPORTED}),
        (f"mutation {{ placeMaybe(number: 7) {{ {SHOWN} }} }}", {"placeMaybe": EXPORTED}),
        (f"mutation {{ placeMaybe(number: 0) {{ {SHOWN} }} }}", {"placeMaybe": None}),
        (f"mutation {{ placeAll(numbers: [7, 7]) {{ {SHOWN} }} }}", {"placeAll": [EXPORTED, EXPORTED]}),
        (f"mutation {{ placeLazily(numbers: [7]) {{ {SHOWN} }} }}", {"placeLazily": [EXPORTED]}),
        (
            "mutation { placeOrRefuse(number: 7) { ... on ExportTaskHandle { output { number } } } }",
            {"placeOrRefuse": {"output": {"number": 7}}},
        ),
        (
            "mutation { placeOrRefuse(number: 0) { ... on Refused { reason } } }",
            {"placeOrRefuse": {"reason": "none"}},
        ),
        (
            "mutation { placeQuiet(number: 7) { __typename status result } }",
            {"placeQuiet": {"__typename": "UntypedTaskHandle", "status": "COMPLETED", "result": 7}},
        ),
        (
            f"mutation {{ placeInPayload(number: 7) {{ number handle {{ {SHOWN} }} own {{ {SHOWN} }} maybe {{ id }} }} }}",
            {"placeInPayload": {"number": 7, "handle": EXPORTED, "own": EXPORTED, "maybe": None}},
        ),
    ],
)
async def test_a_resolver_returns_a_handle(schema: BaseSchema, document: str, data: Any) -> None:
    """It is shown as the task's own mutation shows it, executed with and without an event loop."""
    found = await ask(schema, document)
    in_thread = await asyncio.to_thread(schema.execute_sync, document, context_value={"user": ANN})

    assert found == data
    assert in_thread.errors is None
    assert in_thread.data == data


@pytest.mark.parametrize(
    ("document", "data"),
    [
        (f"mutation {{ placeAsync(number: 7) {{ {SHOWN} }} }}", {"placeAsync": EXPORTED}),
        (f"mutation {{ placeEach(numbers: [7, 0]) {{ {SHOWN} }} }}", {"placeEach": [EXPORTED, None]}),
    ],
)
async def test_an_async_resolver_returns_a_handle(schema: BaseSchema, document: str, data: Any) -> None:
    """It may be awaited by the resolver, or by whoever executes it."""
    assert await ask(schema, document) == data


PLACE = "mutation { place(number: 7) { id } }"
FIND = "query ($id: ID!) { task(id: $id) { id } }"
MINE = "{ tasks { nodes { id } } }"


@pytest.mark.parametrize("field", ["place", "placeAsync", "placeTyped", "placeQuiet"])
async def test_the_run_is_its_starters(schema: BaseSchema, field: str) -> None:
    """Whoever the operation is of owns the run: they see and list it, others do not, and staff does."""
    run = (await ask(schema, f"mutation {{ {field}(number: 7) {{ id }} }}"))[field]

    assert (await ask(schema, FIND, ANN, **run))["task"] == run
    assert (await ask(schema, FIND, BOB, **run))["task"] is None
    assert (await ask(schema, FIND, STAFF, **run))["task"] == run
    assert run in (await ask(schema, MINE, ANN))["tasks"]["nodes"]


def test_the_run_is_its_starters_without_an_event_loop(schema: BaseSchema) -> None:
    """So it is where an operation is executed without an event loop."""
    answer = schema.execute_sync(PLACE, context_value={"user": ANN})
    assert answer.data is not None
    run = answer.data["place"]

    seen = [schema.execute_sync(FIND, run, context_value={"user": user}).data for user in (ANN, BOB)]

    assert seen == [{"task": run}, {"task": None}]


async def test_operations_side_by_side(schema: BaseSchema) -> None:
    """Each run belongs to the viewer of its own operation, also where many are executed at a time."""
    people = [Person(pk=number) for number in range(10, 20)]

    placed = await asyncio.gather(
        *(ask(schema, "mutation { placeAsync(number: 1) { id } }", person) for person in people)
    )

    owners = [tasks.handle(data["placeAsync"]["id"]).refresh().owner for data in placed]
    assert owners == [str(person.pk) for person in people]


async def test_what_using_says_goes_first(schema: BaseSchema) -> None:
    """A resolver may start a run for somebody else, or for nobody; the first is not for the eyes of who asked for it."""
    nobodys = (await ask(schema, "mutation { placeForNobody(number: 1) { id } }"))["placeForNobody"]

    assert tasks.handle(nobodys["id"]).refresh().owner is None
    assert (await refused(schema, "mutation { placeForBob(number: 1) { id } }"))[1] == "TASK_NOT_FOUND"
    (bobs,) = (await ask(schema, "{ tasks { nodes { id } } }", BOB))["tasks"]["nodes"]
    assert (await ask(schema, FIND, BOB, **bobs))["task"] == bobs


async def test_after_an_operation_there_is_no_viewer(schema: BaseSchema) -> None:
    """What is enqueued outside an operation is nobody's, also after one in the same context, and inside a run."""
    await ask(schema, PLACE)

    handle = export.enqueue(1)

    assert handle.refresh().owner is None


@pytest.mark.skipif(not hasattr(StrawberryConfig, "sort_schema"), reason="This Strawberry sorts no schemas.")
async def test_a_sorted_schema() -> None:
    """A schema whose types are sorted takes handles, too."""
    schema = Schema(Query, Mutation, extensions=[tasks.extension], config=StrawberryConfig(sort_schema=True))

    assert await ask(schema, f"mutation {{ place(number: 7) {{ {SHOWN} }} }}") == {"place": EXPORTED}


async def test_a_kept_handle_shows_the_present_state() -> None:
    """A handle that a resolver has had for a while shows how the run stands now, to whoever may see it."""
    local = Tasks("memory://")

    @local.task()
    def work() -> None: ...

    schema = Schema(Query, Mutation, extensions=[local.extension])
    KEPT["run"] = work.using(viewer=Viewer(id="1"), delay=timedelta(hours=1)).enqueue()
    before = await ask(schema, "{ kept { status } states { status } }")
    canceled = await ask(schema, "mutation { cancelKept { status } }")
    found = await ask(schema, "{ kept { status isTerminal } states { status } }")
    _, code = await refused(schema, "{ kept { status } }", BOB)
    local.close()

    assert before == {"kept": {"status": "PENDING"}, "states": [{"status": "PENDING"}]}
    assert canceled == {"cancelKept": {"status": "CANCELED"}}
    assert found == {"kept": {"status": "CANCELED", "isTerminal": True}, "states": [{"status": "CANCELED"}]}
    assert code == "TASK_NOT_FOUND"


async def test_a_subscription_of_the_users_own(schema: BaseSchema) -> None:
    """It may yield handles and states; what it starts is its viewer's, and what its reader starts meanwhile is not."""
    document = "subscription { placing(number: 7) { id " + SHOWN.replace("__typename", "__typename isTerminal") + " } }"
    events: list[Any] = []
    between: list[Handle[Report]] = []

    stream: Any = await schema.subscribe(document, context_value={"user": ANN})
    async for event in stream:
        assert event.errors is None
        events.append(event.data["placing"])
        between.append(export.enqueue(2))

    assert {event["id"] for event in events} == {events[0]["id"]}
    assert events[-1]["output"] == {"number": 7}
    assert tasks.handle(events[0]["id"]).refresh().owner == "1"
    assert {handle.refresh().owner for handle in between} == {None}


async def test_the_handle_of_another_task(schema: BaseSchema) -> None:
    """Where a field is of one task's handle type, a handle of another is refused by name."""
    message, _ = await refused(schema, "mutation { placeAnother { output { number } } }")

    assert message == "placeAnother: expected a handle of type ExportTaskHandle, got one of the task 'other'."


async def test_the_handle_of_other_tasks(schema: BaseSchema) -> None:
    """A handle of another `Tasks` is refused with a reason."""
    message, _ = await refused(schema, "mutation { placeElsewhere { id } }")

    assert message.startswith("placeElsewhere: expected a handle of the schema's own Tasks")


def test_a_stranger_starts_nothing() -> None:
    """A user whom the policy cannot name starts nothing through `enqueue`, as through a task's own mutation."""
    answer = OURS.execute_sync(PLACE, context_value={"user": object()})

    (error,) = answer.errors or ()
    assert (error.extensions or {})["code"] == "UNKNOWN_USER"


def test_handles_stand_where_there_are_tasks() -> None:
    """`Handle.is_of` tells whose a handle is."""
    assert export.enqueue(1).is_of(tasks.runtime)
    assert not export.enqueue(1).is_of(elsewhere.runtime)
