"""Who sees which run: the owner, another one, nobody in particular, and staff."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import strawberry

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.backends.sync import SyncBackend
from strawberry_tasks.stores.base import NewRun
from strawberry_tasks.stores.memory import MemoryStore
from strawberry_tasks.testing import SubscriptionError, inline, subscribe
from tests.operations import Person, execute

OWNER, OTHER, STAFF = Person(pk=1), Person(pk=2), Person(pk=3, is_staff=True)
ANONYMOUS = Person(pk=None, is_authenticated=False)


class Setting(NamedTuple):
    """A schema and its tasks."""

    schema: strawberry.Schema
    tasks: Tasks

    def start(self, user: object) -> str:
        """Start a run, and return its id."""
        return str(execute(self.schema, "mutation { work { id } }", user=user)["work"]["id"])


@pytest.fixture
def setting() -> Iterator[Setting]:
    """Tasks that are performed inline."""
    tasks = Tasks("memory://")

    @tasks.mutation()
    def work() -> int:
        return 1

    with inline(tasks):
        yield Setting(Schema(extensions=[tasks.extension]), tasks)


async def first_of(setting: Setting, document: str, user: object) -> str | None:
    """Return the id in a subscription's first event, or the code that it was refused with."""
    events = subscribe(setting.schema, document, context={"user": user})
    try:
        (run,) = (await anext(aiter(events))).values()
    except SubscriptionError as error:
        (code,) = error.codes
        return str(code)
    finally:
        await events.aclose()  # type: ignore[attr-defined]
    return str(run["id"])


@pytest.mark.parametrize(
    ("starter", "viewer", "visible"),
    [
        (OWNER, OWNER, True),
        (OWNER, OTHER, False),
        (OWNER, ANONYMOUS, False),
        (OWNER, None, False),
        (OWNER, STAFF, True),
        (STAFF, OWNER, False),
        (None, OWNER, True),
        (None, ANONYMOUS, True),
        (None, STAFF, True),
        (ANONYMOUS, OTHER, True),
    ],
)
async def test_one_run(setting: Setting, starter: object, viewer: object, visible: bool) -> None:
    """`task`, `taskProgress` and `taskUpdated(taskId:)` agree on who sees a run; for others it is not there."""
    run_id = await asyncio.to_thread(setting.start, starter)

    found = await setting.schema.execute(f'{{ task(id: "{run_id}") {{ id }} }}', context_value={"user": viewer})
    progress = await first_of(setting, f'subscription {{ taskProgress(taskId: "{run_id}") {{ id }} }}', viewer)
    updated = await first_of(setting, f'subscription {{ taskUpdated(taskId: "{run_id}") {{ id }} }}', viewer)

    assert found.errors is None
    assert found.data == {"task": {"id": run_id} if visible else None}
    assert progress == (run_id if visible else "TASK_NOT_FOUND")
    assert updated == (run_id if visible else "TASK_NOT_FOUND")


@pytest.mark.parametrize(
    ("viewer", "starters"),
    [(OWNER, ["1"]), (OTHER, ["2"]), (STAFF, ["3", None, "2", "1"]), (ANONYMOUS, []), (None, [])],
)
def test_list(setting: Setting, viewer: object, starters: list[str | None]) -> None:
    """The list has one's own runs, for staff everybody's, for nobody none."""
    by_id = {setting.start(user): user and str(user.pk) for user in (OWNER, OTHER, None, STAFF)}

    data = execute(setting.schema, "{ tasks { nodes { id } } }", user=viewer)

    assert [by_id[node["id"]] for node in data["tasks"]["nodes"]] == starters


@pytest.mark.parametrize(("viewer", "seen"), [(OWNER, "own"), (STAFF, "other")])
async def test_all_updates(setting: Setting, viewer: Person, seen: str) -> None:
    """Without an id, `taskUpdated` tells one's own changes, staff everybody's."""
    events = subscribe(setting.schema, "subscription { taskUpdated { id } }", context={"user": viewer})
    waiting = asyncio.ensure_future(anext(aiter(events)))
    started: dict[str, str] = {}

    while not waiting.done():
        started[await asyncio.to_thread(setting.start, OTHER)] = "other"
        if viewer is OWNER:
            started[await asyncio.to_thread(setting.start, OWNER)] = "own"
        await asyncio.wait([waiting], timeout=0.01)
    event = await waiting
    await events.aclose()  # type: ignore[attr-defined]

    assert started[event["taskUpdated"]["id"]] == seen


@pytest.mark.parametrize("viewer", [None, ANONYMOUS])
async def test_all_updates_for_nobody(setting: Setting, viewer: object) -> None:
    """Nobody in particular has no updates to watch."""
    code = await first_of(setting, "subscription { taskUpdated { id } }", viewer)

    assert code == "UNAUTHENTICATED"


async def test_unknown_run(setting: Setting) -> None:
    """An unknown id is told like somebody else's, before the first event."""
    code = await first_of(setting, 'subscription { taskProgress(taskId: "nothing") { id } }', OWNER)

    assert code == "TASK_NOT_FOUND"


async def test_watch_after_a_version(setting: Setting) -> None:
    """With `after` a watcher gets only what is newer, which of a run that has ended is nothing."""
    run_id = await asyncio.to_thread(setting.start, OWNER)
    document = f'subscription {{ taskProgress(taskId: "{run_id}", after: 99) {{ version }} }}'

    events = [event async for event in subscribe(setting.schema, document, context={"user": OWNER})]

    assert events == []


def test_nothing_of_the_request_is_stored() -> None:
    """Of the context only the owner's id goes into the record: no header, no cookie."""
    tasks = Tasks("memory://")
    created: list[NewRun] = []

    class Spy(MemoryStore):
        def create(self, run: NewRun) -> Any:
            created.append(run)
            return super().create(run)

    @tasks.mutation()
    def work(number: int) -> int:
        return number

    schema = Schema(extensions=[tasks.extension])
    request = SimpleNamespace(user=OWNER, headers={"authorization": "Bearer s3cret"}, COOKIES={"session": "s3cret"})
    runtime = tasks.runtime_over(Spy(result_ttl=timedelta(minutes=1)), SyncBackend(tasks.perform))
    with tasks.replaced(runtime):
        result = schema.execute_sync(
            "mutation { work(number: 1) { id } }", context_value={"request": request, "token": "s3cret"}
        )

    assert result.errors is None
    (run,) = created
    assert run == NewRun(
        id=run.id, name="work", queue="default", arguments='{"number":1}', max_retries=3, owner="1", claims={}
    )
    assert "s3cret" not in repr(runtime.store._records)  # type: ignore[attr-defined]
    runtime.close()
