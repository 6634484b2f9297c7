"""A result is read where it is selected, for whom may see it, and once for all who look together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
import strawberry

from strawberry_tasks import OwnerPolicy, Schema, Snapshot, Tasks, Viewer
from strawberry_tasks.backends.sync import SyncBackend
from strawberry_tasks.stores.memory import MemoryStore
from strawberry_tasks.testing import subscribe
from tests.operations import Person, execute, refuse

ANN = Person()
BOB = Person(pk=2)
WATCH = "subscription ($id: ID!) { taskProgress(taskId: $id) { status result ...on MeasureTaskHandle { output { size } } } }"


@strawberry.type
class Report:
    size: int


class CountingStore(MemoryStore):
    """Remembers whose results were read."""

    def __init__(self) -> None:
        super().__init__(result_ttl=timedelta(minutes=1))
        self.reads: list[str] = []

    def result(self, run_id: str) -> str | None:
        """Count."""
        self.reads.append(run_id)
        return super().result(run_id)


class Shop:
    """A schema with one run of Ann's that has a result."""

    def __init__(self) -> None:
        self.tasks = Tasks("memory://")

        @self.tasks.mutation()
        def measure() -> Report:
            return Report(size=7)

        @strawberry.type
        class Query:
            @strawberry.field
            def nothing(self) -> None:
                return None

        self.schema = Schema(query=Query, extensions=[self.tasks.extension])
        self.store = CountingStore()
        self.runtime = self.tasks.runtime_over(self.store, SyncBackend(self.tasks.perform))

    def start(self) -> str:
        """Perform a run."""
        return str(execute(self.schema, "mutation { measure { id } }", user=ANN)["measure"]["id"])

    async def watch(self, run_id: str) -> list[dict[str, Any]]:
        """Return what a subscriber of Ann's gets."""
        stream: AsyncGenerator[dict[str, Any], None] = subscribe(self.schema, WATCH, {"id": run_id}, {"user": ANN})
        async with aclosing(stream) as events:
            return [event["taskProgress"] async for event in events]


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    with shop.tasks.replaced(shop.runtime):
        yield shop
    shop.runtime.close()


ASKS = [
    "{ task(id: $id) { status result } }",
    "mutation { cancelTask(taskId: $id) { result } }",
    "mutation { retryTask(taskId: $id) { result } }",
    "{ tasks { nodes { result } } }",
]


@pytest.mark.parametrize("ask", ASKS)
def test_a_stranger_has_nothing_read(shop: Shop, ask: str) -> None:
    """Whatever he selects, by whatever field: the policy is asked first."""
    ask = ask.replace("$id", f'"{shop.start()}"')

    shop.schema.execute_sync(ask, context_value={"user": BOB})

    assert shop.store.reads == []


async def test_a_stranger_who_watches_has_nothing_read(shop: Shop) -> None:
    """His subscription is refused before."""
    run_id = await asyncio.to_thread(shop.start)

    refused = subscribe(shop.schema, WATCH, {"id": run_id}, {"user": BOB})
    with pytest.raises(Exception, match="no task"):
        await anext(refused)

    assert shop.store.reads == []


@pytest.mark.parametrize(
    "ask",
    [
        "{ task(id: $id) { status error isTerminal version } }",
        "{ tasks { nodes { id status } edges { cursor } } }",
        "mutation { cancelTask(taskId: $id) { status } }",
        "{ task(id: $id) { result @skip(if: true) } }",
    ],
)
def test_what_is_not_selected_is_not_read(shop: Shop, ask: str) -> None:
    """Neither is it for its owner."""
    ask = ask.replace("$id", f'"{shop.start()}"')

    execute(shop.schema, ask, user=ANN)

    assert shop.store.reads == []


def test_both_fields_and_all_aliases_share_one_reading(shop: Shop) -> None:
    """However often an operation names it."""
    run_id = shop.start()
    fields = " ".join(
        f'n{number}: task(id: "{run_id}") {{ result ...on MeasureTaskHandle {{ output {{ size }} }} }}'
        for number in range(10)
    )

    answer = execute(shop.schema, f"{{ {fields} }}", user=ANN)

    assert list(answer.values()) == [{"result": {"size": 7}, "output": {"size": 7}}] * 10
    assert shop.store.reads == [run_id]


async def test_watchers_share_one_reading(shop: Shop) -> None:
    """However many there are of one run."""
    run_id = await asyncio.to_thread(shop.start)

    seen = await asyncio.gather(*(shop.watch(run_id) for _ in range(100)))

    assert seen == [[{"status": "COMPLETED", "result": {"size": 7}, "output": {"size": 7}}]] * 100
    assert shop.store.reads == [run_id]


def test_a_stranger_and_nobodys_run_cost_the_same(shop: Shop) -> None:
    """Whether a run is there is not told by what is done to find it."""
    run_id = shop.start()
    calls: list[str] = []
    read = shop.store.read
    shop.store.read = lambda ids: (calls.append("read"), read(ids))[1]  # type: ignore[method-assign]

    def cost(run_id: str) -> tuple[list[str], object]:
        calls.clear()
        answer = execute(shop.schema, f'{{ task(id: "{run_id}") {{ result }} }}', user=BOB)
        return list(calls), answer

    assert cost(run_id) == cost("no-such-run")


def test_a_policy_that_asks_for_the_result_is_told(shop: Shop) -> None:
    """A snapshot has none, so that no policy decides by one that was not read."""

    class Curious(OwnerPolicy):
        def may_see(self, viewer: Viewer, run: Snapshot) -> bool:
            return bool(run.result)  # type: ignore[attr-defined]

    tasks = Tasks("memory://", policy=Curious())
    tasks.mutation(name="measure")(lambda: 1)
    schema = Schema(query=shop.schema.query, extensions=[tasks.extension])
    with tasks.replaced(shop.runtime):
        message, _ = refuse(schema, f'{{ task(id: "{shop.start()}") {{ id }} }}', user=ANN)

    assert "no attribute 'result'" in message
