"""What is enqueued in the course of an operation is its viewer's, as soon as the policy knows who that is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import strawberry

from strawberry_tasks import Handle, OwnerPolicy, Schema, TaskHandle, Tasks, Viewer
from strawberry_tasks.testing import inline
from tests.operations import Person


class WaitingPolicy(OwnerPolicy):
    """Finds the user only after a turn of the event loop."""

    def viewer(self, context: object) -> Viewer | Awaitable[Viewer]:
        """Tell who asks."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return super().viewer(context)
        return self._wait(context)

    async def _wait(self, context: object) -> Viewer:
        await asyncio.sleep(0)
        found = super().viewer(context)
        return found if isinstance(found, Viewer) else await found


waiting = Tasks("memory://", policy=WaitingPolicy())


@waiting.mutation()
def slow() -> int:
    return 1


@strawberry.type(name="Mutation")
class WaitingMutation:
    @strawberry.mutation(graphql_type=TaskHandle)
    async def place(self) -> Handle[int]:
        return await slow.aenqueue()

    @strawberry.mutation(graphql_type=TaskHandle)
    def place_at_once(self) -> Handle[int]:
        return slow.enqueue()


async def ask(schema: Schema, document: str, user: object) -> Any:
    """Execute an operation that must not fail."""
    answer = await schema.execute(document, context_value={"user": user})
    assert answer.errors is None, answer.errors
    return answer.data


async def test_a_policy_that_waits() -> None:
    """`aenqueue` waits for the policy; `enqueue` cannot on an event loop, and starts nothing rather than nobody's run."""
    schema = Schema(mutation=WaitingMutation, extensions=[waiting.extension])

    with inline(waiting):
        placed = await ask(schema, "mutation { place { id } }", Person())
        answer = await schema.execute("mutation { placeAtOnce { id } }", context_value={"user": Person()})
        started = (await ask(schema, "{ tasks { nodes { id } } }", Person(is_staff=True)))["tasks"]["nodes"]
        owner = waiting.handle(placed["place"]["id"]).refresh().owner

    (error,) = answer.errors or ()
    assert "await aenqueue" in error.message
    assert started == [placed["place"]]
    assert owner == "1"


async def test_runs_of_a_run_are_nobodys() -> None:
    """A run that starts another one does so for nobody, also where it is performed inline in an operation."""
    local = Tasks("memory://")
    started: list[Handle[None]] = []

    @local.task()
    def inner() -> None: ...

    @local.mutation()
    def outer() -> None:
        started.append(inner.enqueue())

    schema = Schema(extensions=[local.extension])
    with inline(local):
        run = (await ask(schema, "mutation { outer { id } }", Person()))["outer"]

        assert local.handle(run["id"]).refresh().owner == "1"
        assert [handle.refresh().owner for handle in started] == [None]


@strawberry.type(name="Mutation")
class Consuming:
    @strawberry.mutation
    async def consume(self, info: strawberry.Info) -> bool:
        async def consumer() -> None:
            await info.context["gate"].wait()
            info.context["started"].append(await slow.aenqueue())

        info.context["consumer"] = asyncio.create_task(consumer())
        return True


async def test_what_outlives_an_operation_starts_for_nobody() -> None:
    """What an operation has begun and left running, such as a consumer, does not go on in its viewer's name."""
    schema = Schema(mutation=Consuming, extensions=[waiting.extension])
    context: dict[str, Any] = {"user": Person(), "gate": asyncio.Event(), "started": []}

    with inline(waiting):
        answer = await schema.execute("mutation { consume }", context_value=context)
        context["gate"].set()
        await context["consumer"]
        owners = [handle.refresh().owner for handle in context["started"]]

    assert answer.errors is None
    assert owners == [None]
