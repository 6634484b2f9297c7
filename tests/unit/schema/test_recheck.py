"""Long streams: who may not watch any more is cut off, whether or not anything happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import strawberry

from strawberry_tasks import OwnerPolicy, Schema, Tasks, Viewer
from strawberry_tasks.errors import ConfigurationError
from strawberry_tasks.testing import SubscriptionError, recorded, subscribe
from tests.operations import Person
from tests.patience import SECONDS

PROGRESS = 'subscription { taskProgress(taskId: "%s") { id failure { traceback } } }'
UPDATED = "subscription { taskUpdated { id } }"
OWNER, STAFF = Person(pk=1), Person(pk=3, is_staff=True)


class Changing(OwnerPolicy):
    """Finds another user at each recheck, and counts how often it was asked."""

    def __init__(self) -> None:
        self.now: object = None
        self.asked = 0
        self.asked_thrice = asyncio.Event()

    def recheck(self, context: object) -> Viewer:
        self.asked += 1
        if self.asked == 3:
            self.asked_thrice.set()
        if isinstance(self.now, Exception):
            raise self.now
        return self.viewer_of(self.now)


@pytest.fixture
def policy() -> Changing:
    return Changing()


@pytest.fixture
def tasks(policy: Changing) -> Iterator[Tasks]:
    """Tasks whose runs stay PENDING."""
    tasks = Tasks("memory://", policy=policy, recheck=timedelta(milliseconds=20))

    @tasks.task()
    def work() -> None: ...

    with recorded(tasks):
        yield tasks


@pytest.fixture
def schema(tasks: Tasks) -> strawberry.Schema:
    return Schema(extensions=[tasks.extension])


def start(tasks: Tasks, owner: str = "1") -> str:
    return str(tasks.find("work").using(viewer=Viewer(id=owner)).enqueue().id)


async def codes(events: AsyncIterator[Any]) -> list[object]:
    """Return what the stream ends with."""
    async with asyncio.timeout(SECONDS):
        with pytest.raises(SubscriptionError) as refusal:
            async for _ in events:
                pass
    return list(refusal.value.codes)


@pytest.mark.parametrize(
    ("then", "code"),
    [
        (None, "UNAUTHENTICATED"),
        (Person(pk=2), "UNAUTHENTICATED"),
        (Person(pk=1, is_authenticated=False), "UNAUTHENTICATED"),
    ],
)
async def test_another_user_is_cut_off_from_an_idle_run(
    schema: strawberry.Schema, tasks: Tasks, policy: Changing, then: object, code: str
) -> None:
    """Who has signed out, or in as somebody else, is cut off though the run does not change."""
    policy.now = OWNER
    events = subscribe(schema, PROGRESS % start(tasks), context={"user": OWNER})
    await anext(aiter(events))

    policy.now = then

    assert await codes(events) == [code]


async def test_lost_permission_ends_the_stream_of_a_run(
    schema: strawberry.Schema, tasks: Tasks, policy: Changing
) -> None:
    """Staff that is staff no longer sees somebody else's run no longer: it does not exist."""
    policy.now = STAFF
    events = subscribe(schema, PROGRESS % start(tasks), context={"user": STAFF})
    await anext(aiter(events))

    policy.now = STAFF._replace(is_staff=False)

    assert await codes(events) == ["TASK_NOT_FOUND"]


@pytest.mark.parametrize(("before", "then"), [(OWNER, None), (STAFF, STAFF._replace(is_staff=False)), (STAFF, None)])
async def test_a_list_that_is_not_the_viewers_any_more_ends(
    schema: strawberry.Schema, policy: Changing, before: Person, then: object
) -> None:
    """`taskUpdated` without an id ends when the viewer may not list those runs any more."""
    policy.now = then
    events = subscribe(schema, UPDATED, context={"user": before})

    assert await codes(events) == ["UNAUTHENTICATED"]


async def test_who_may_still_watch_goes_on(schema: strawberry.Schema, tasks: Tasks, policy: Changing) -> None:
    """A stream outlives any number of rechecks, and yields nothing for them."""
    policy.now = OWNER
    run_id = start(tasks)

    async def watch() -> list[object]:
        return [event async for event in subscribe(schema, PROGRESS % run_id, context={"user": OWNER})]

    watching = asyncio.create_task(watch())
    async with asyncio.timeout(SECONDS):
        await policy.asked_thrice.wait()
        await tasks.handle(run_id).acancel()

        assert len(await watching) == 2


async def test_nobody_may_sign_in_meanwhile(schema: strawberry.Schema, tasks: Tasks, policy: Changing) -> None:
    """Who watched a run of nobody as nobody, and signs in, goes on."""
    policy.now = OWNER
    run_id = tasks.find("work").enqueue().id
    events = subscribe(schema, PROGRESS % run_id, context={})
    await anext(aiter(events))

    async with asyncio.timeout(SECONDS):
        following = asyncio.ensure_future(anext(aiter(events)))
        await policy.asked_thrice.wait()
        await tasks.handle(run_id).acancel()

        assert (await following)["taskProgress"]["id"] == run_id


async def test_each_stream_asks_once_an_interval(schema: strawberry.Schema, tasks: Tasks, policy: Changing) -> None:
    """However much happens, the policy is asked no more often than once an interval."""
    policy.now = OWNER
    loop = asyncio.get_running_loop()
    begun = loop.time()
    events = subscribe(schema, UPDATED, context={"user": OWNER})
    first = asyncio.ensure_future(anext(aiter(events)))

    while policy.asked < 3:
        start(tasks)
        if first.done():
            first = asyncio.ensure_future(anext(aiter(events)))
        await asyncio.sleep(0.001)

    assert loop.time() - begun >= 2 * 0.02 - 0.001  # The first interval is cut short at random.
    first.cancel()


async def test_a_policy_that_fails_ends_the_stream(schema: strawberry.Schema, tasks: Tasks, policy: Changing) -> None:
    """When nobody can say who watches, nobody watches."""
    policy.now = ConnectionError("the database is away")
    events = subscribe(schema, PROGRESS % start(tasks), context={"user": OWNER})

    assert await codes(events) == []


@pytest.mark.parametrize("recheck", [timedelta(0), 60])
def test_recheck_is_a_duration(recheck: Any) -> None:
    """A recheck that never comes, or always, is refused."""
    with pytest.raises(ConfigurationError, match="recheck"):
        Tasks("memory://", recheck=recheck)
