"""The fields that every schema with tasks has: look up runs, list them, watch them."""

# Without postponed annotations, as in `types.py`.

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any, NamedTuple

import strawberry
from strawberry.relay import PageInfo

from ..config import MAX_PAGE
from ..errors import TaskInputError, TaskNotFoundError, UnauthenticatedError
from ..policy import Viewer
from ..snapshot import Snapshot
from ..status import TaskStatus
from ..stores.base import Page, cursor_of
from .registry import Registry, off_loop, registry_of, resolve, viewer_of
from .types import TaskHandle, TaskHandleConnection, TaskHandleEdge

SCAN_PAGES = 10
"""How many pages of the store one page of `tasks` looks through for runs that match; a client reads on from there."""

Info = strawberry.Info[Any, Any]
RunId = Annotated[strawberry.ID, strawberry.argument(description="The run's id.")]


def task(info: Info, id: strawberry.ID) -> TaskHandle | None:
    """A run by its id; null if it isn't there, has expired, or isn't the viewer's."""
    return resolve(_task(info, id))  # type: ignore[return-value]  # graphql-core awaits it


def tasks(
    info: Info,
    *,
    status: list[TaskStatus] | None = None,
    name: str | None = None,
    tag: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> TaskHandleConnection:
    """The viewer's own runs, newest first; staff sees everybody's."""
    wanted = _Wanted(status=status, name=name, tag=tag, first=MAX_PAGE if first is None else first, after=after)
    return resolve(_tasks(info, wanted))  # type: ignore[return-value]  # graphql-core awaits it


async def task_progress(info: Info, task_id: RunId, after: int | None = None) -> AsyncGenerator[TaskHandle, None]:
    """A run's present state, then each newer one, then the terminal one; then it completes."""
    # Raised here and not in the generator, a refusal is an error of the operation, with its path, before the first event.
    registry, viewer = await visit(info)
    await visible_run(registry, viewer, task_id)
    return _handles(registry, viewer, info, registry.runtime().hub.watch_run(task_id, after=after))


async def task_updated(info: Info, task_id: RunId | None = None) -> AsyncGenerator[TaskHandle, None]:
    """The changes of one run as `taskProgress` has them; without an id, each change of every run that the viewer may list."""
    registry, viewer = await visit(info)
    hub = registry.runtime().hub
    if task_id is not None:
        await visible_run(registry, viewer, task_id)
        return _handles(registry, viewer, info, hub.watch_run(task_id))
    if not registry.policy.may_list(viewer):
        raise UnauthenticatedError
    return _handles(registry, viewer, info, hub.watch_all(registry.policy.listed_owner(viewer)))


QUERY_FIELDS: Mapping[str, Callable[..., Any]] = {"task": task, "tasks": tasks}
"""The resolvers of the fields that come into the query type, by their names in the contract."""

SUBSCRIPTION_FIELDS: Mapping[str, Callable[..., Any]] = {"taskProgress": task_progress, "taskUpdated": task_updated}
"""The resolvers of the fields that come into the subscription type, by their names in the contract."""


@strawberry.type
class TaskQuery:
    """Brings `task` and `tasks`; a base for the query type of a plain `strawberry.Schema`."""

    task: TaskHandle | None = strawberry.field(resolver=task, description=task.__doc__)
    tasks: TaskHandleConnection = strawberry.field(resolver=tasks, description=tasks.__doc__)


@strawberry.type
class TaskSubscription:
    """Brings `taskProgress` and `taskUpdated`; a base for the subscription type of a plain `strawberry.Schema`."""

    task_progress: AsyncGenerator[TaskHandle, None] = strawberry.subscription(
        resolver=task_progress, description=task_progress.__doc__
    )
    task_updated: AsyncGenerator[TaskHandle, None] = strawberry.subscription(
        resolver=task_updated, description=task_updated.__doc__
    )


async def visit(info: Info) -> tuple[Registry, Viewer]:
    """Tell which tasks an operation is about, and who asks."""
    registry = registry_of(info)
    return registry, await viewer_of(registry, info)


async def _find(registry: Registry, viewer: Viewer, run_id: str) -> Snapshot | None:
    runtime = registry.runtime()
    (run,) = await off_loop(runtime, runtime.store.read, [run_id])
    return run if run is not None and registry.policy.may_see(viewer, run) else None


async def visible_run(registry: Registry, viewer: Viewer, run_id: str) -> Snapshot:
    """Return a run's present state.

    Raises:
        TaskNotFoundError: If there is no such run for this viewer.
    """
    run = await _find(registry, viewer, run_id)
    if run is None:
        raise TaskNotFoundError(run_id)
    return run


async def _task(info: Info, run_id: str) -> TaskHandle | None:
    registry, viewer = await visit(info)
    run = await _find(registry, viewer, run_id)
    return None if run is None else registry.handle(run, viewer, info.schema)


async def _handles(
    registry: Registry, viewer: Viewer, info: Info, runs: AsyncGenerator[Snapshot, None]
) -> AsyncGenerator[TaskHandle, None]:
    async with aclosing(runs):
        async for run in runs:
            if registry.policy.may_see(viewer, run):
                yield registry.handle(run, viewer, info.schema)


class _Wanted(NamedTuple):
    """Which runs a page of `tasks` is to hold."""

    status: Sequence[TaskStatus] | None
    name: str | None
    tag: str | None
    first: int
    after: str | None

    def matches(self, run: Snapshot) -> bool:
        if self.status and run.status not in self.status:
            return False
        return self.name in {None, run.name} and (self.tag is None or self.tag in run.tags)


async def _tasks(info: Info, wanted: _Wanted) -> TaskHandleConnection:
    registry, viewer = await visit(info)
    if not 1 <= wanted.first <= MAX_PAGE:
        raise TaskInputError(f"tasks(first:): expected 1 to {MAX_PAGE}, got {wanted.first}.")
    page = Page(runs=[], cursor=None)
    if registry.policy.may_list(viewer):
        page = await off_loop(registry.runtime(), _matching_page, registry, viewer, wanted)
    nodes = [registry.handle(run, viewer, info.schema) for run in page.runs]
    cursors = [cursor_of(run) for run in page.runs]
    return TaskHandleConnection(
        edges=[TaskHandleEdge(node=node, cursor=cursor) for node, cursor in zip(nodes, cursors, strict=True)],
        nodes=nodes,
        page_info=PageInfo(
            has_next_page=page.cursor is not None,
            has_previous_page=wanted.after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=page.cursor or (cursors[-1] if cursors else None),
        ),
    )


def _matching_page(registry: Registry, viewer: Viewer, wanted: _Wanted) -> Page:
    store, policy = registry.runtime().store, registry.policy
    found: list[Snapshot] = []
    cursor = wanted.after
    for _ in range(SCAN_PAGES):
        try:
            page = store.list(owner=policy.listed_owner(viewer), first=MAX_PAGE, after=cursor)
        except ValueError as error:
            raise TaskInputError(f"tasks(after:): {error}") from error
        for run in page.runs:
            if wanted.matches(run) and policy.may_see(viewer, run):
                if len(found) == wanted.first:
                    return Page(runs=found, cursor=cursor_of(found[-1]))
                found.append(run)
        cursor = page.cursor
        if cursor is None:
            break
    return Page(runs=found, cursor=cursor)
