"""The fields that every schema with tasks has for stopping runs and starting them again."""

# Without postponed annotations, as in `types.py`.

from collections.abc import Callable, Mapping
from typing import Any

import strawberry

from ..control import Control
from ..errors import TaskNotFoundError
from ..snapshot import Snapshot
from .fields import Info, RunId
from .registry import off_loop, resolve
from .types import TaskHandle
from .visit import visit


def cancel_task(info: Info, task_id: RunId) -> TaskHandle:
    """Stop a run: at once if it waits, else when it notices. Asking twice is harmless; a run that has ended stays as it is."""
    return resolve(_control(info, task_id, Control.cancel))  # type: ignore[return-value]  # graphql-core awaits it


def retry_task(info: Info, task_id: RunId) -> TaskHandle:
    """Start a FAILED or CANCELED run again, as a new run with the same arguments."""
    return resolve(_control(info, task_id, Control.retry))  # type: ignore[return-value]  # graphql-core awaits it


MUTATION_FIELDS: Mapping[str, Callable[..., Any]] = {"cancelTask": cancel_task, "retryTask": retry_task}
"""The resolvers of the fields that come into the mutation type, by their names in the contract."""


@strawberry.type
class TaskMutation:
    """Brings `cancelTask` and `retryTask`; a base for the mutation type of a plain `strawberry.Schema`."""

    cancel_task: TaskHandle = strawberry.mutation(resolver=cancel_task, description=cancel_task.__doc__)
    retry_task: TaskHandle = strawberry.mutation(resolver=retry_task, description=retry_task.__doc__)


async def _control(info: Info, run_id: str, act: Callable[[Control, str], Snapshot]) -> TaskHandle:
    who = await visit(info)
    registry, viewer, run = who.registry, who.viewer, await who.get(run_id)
    if not registry.policy.may_control(viewer, run):
        raise TaskNotFoundError(run_id)
    runtime = registry.runtime()
    return registry.handle(await off_loop(runtime, act, runtime.control, run_id), viewer, info.schema)
