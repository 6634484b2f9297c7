"""The fields that every schema with tasks has: look up runs, list them, watch them."""

# Without postponed annotations, as in `types.py`.

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import strawberry
from strawberry.relay import PageInfo

from ..config import MAX_PAGE, MAX_WORD
from ..errors import TaskInputError, UnauthenticatedError
from ..listing import list_runs
from ..log import Wanted
from ..snapshot import Snapshot
from ..status import TaskStatus
from ..stores.base import Page
from ..stores.cursors import cursor_of, parse_cursor
from .outages import of_the_users
from .registry import off_loop, resolve
from .types import TaskHandle, TaskHandleConnection, TaskHandleEdge
from .unsent import Hand
from .visit import Visit, visit

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
    wanted = Wanted(status=status or (), name=name, tag=tag)
    return resolve(_tasks(info, wanted, MAX_PAGE if first is None else first, after))  # type: ignore[return-value]  # graphql-core awaits it


async def task_progress(info: Info, task_id: RunId, after: int | None = None) -> AsyncGenerator[TaskHandle, None]:
    """A run's present state, then each newer one, then the terminal one; then it completes."""
    # Raised here and not in the generator, a refusal is an error of the operation, with its path, before the first event.
    who = await visit(info)
    return _handles(who, info, who.watch(await who.get(task_id), after=after))


async def task_updated(info: Info, task_id: RunId | None = None) -> AsyncGenerator[TaskHandle, None]:
    """The changes of one run as `taskProgress` has them; without an id, each change of every run that the viewer may list."""
    who = await visit(info)
    if task_id is not None:
        return _handles(who, info, who.watch(await who.get(task_id)))
    if not who.may_list:
        raise UnauthenticatedError
    return _handles(who, info, who.watch_all())


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


async def _task(info: Info, run_id: str) -> TaskHandle | None:
    who = await visit(info)
    run = await who.find(run_id)
    return None if run is None else who.registry.handle(run, who.viewer, info.schema)


async def _handles(
    who: Visit, info: Info, states: AsyncGenerator[Snapshot | None, None] | AsyncGenerator[Snapshot, None]
) -> AsyncGenerator[TaskHandle, None]:
    async with aclosing(states):
        async for state in states:
            if state is None:
                continue
            hand = Hand(who.unsent)
            try:
                yield who.registry.handle(state, who.viewer, info.schema, hand)
            finally:
                # Asked for the next event, it has sent this one.
                hand.drop()


async def _tasks(info: Info, wanted: Wanted, first: int, after: str | None) -> TaskHandleConnection:
    who = await visit(info)
    registry, viewer = who.registry, who.viewer
    if not 1 <= first <= MAX_PAGE:
        raise TaskInputError(f"tasks(first:): expected 1 to {MAX_PAGE}, got {first}.")
    for argument, word in {"name": wanted.name, "tag": wanted.tag}.items():
        if word is not None and len(word) > MAX_WORD:
            raise TaskInputError(f"tasks({argument}:): expected at most {MAX_WORD} characters, got {len(word)}.")
    if after is not None:
        _check(after)
    page = Page(runs=[], cursor=None)
    if who.may_list:
        wanted = replace(wanted, owner=registry.policy.listed_owner(viewer))
        runtime, may_see = registry.runtime(), of_the_users(partial(registry.policy.may_see, viewer))
        page = await off_loop(runtime, list_runs, runtime, wanted, may_see, first=first, after=after)
    nodes = [registry.handle(run, viewer, info.schema) for run in page.runs]
    cursors = [cursor_of(run) for run in page.runs]
    return TaskHandleConnection(
        edges=[TaskHandleEdge(node=node, cursor=cursor) for node, cursor in zip(nodes, cursors, strict=True)],
        nodes=nodes,
        page_info=PageInfo(
            has_next_page=page.cursor is not None,
            has_previous_page=after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=page.cursor or (cursors[-1] if cursors else None),
        ),
    )


def _check(cursor: str) -> None:
    try:
        parse_cursor(cursor)
    except ValueError as error:
        raise TaskInputError(f"tasks(after:): {error}") from error
