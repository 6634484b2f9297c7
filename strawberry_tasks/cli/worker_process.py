"""What each process of a worker begins with: the plan that the command line has made."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass, field, replace
from typing import ClassVar

import dramatiq

from ..backends.redis_transport import RedisTransport
from .apps import find_app
from .scheduling import Scheduling

_VARIABLE = "STRAWBERRY_TASKS_WORKER"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlan:
    """What a worker is to do."""

    ENTRY: ClassVar[str] = f"{__name__}:open_broker"
    """What Dramatiq calls in each process."""

    app: str
    """Where the tasks are."""

    weights: Mapping[str, int] = field(default_factory=dict)
    """The queues to consume, and the weight of each; none means all of the tasks', all alike."""

    concurrency: int | None = None
    """How many async runs a process has in flight; ``None`` is as the tasks say."""

    schedules: bool = False
    """Whether to be a scheduler as well."""

    def hand_over(self, environment: MutableMapping[str, str]) -> None:
        """Leave it to the processes of the worker, however they are started."""
        environment[_VARIABLE] = json.dumps(asdict(self))


def open_broker() -> None:
    """Make the broker of the plan Dramatiq's, with all queues declared that the worker is to consume."""
    plan = WorkerPlan(**json.loads(os.environ[_VARIABLE]))
    tasks = find_app(plan.app).tasks
    if plan.concurrency is not None:
        tasks.config = replace(tasks.config, async_concurrency=plan.concurrency)
    if isinstance(tasks.broker, RedisTransport):
        tasks.broker.weights.update(plan.weights)
    if plan.schedules:
        tasks.broker.add_middleware(Scheduling(tasks.schedules))
    for queue in plan.weights or tasks.queues():
        tasks.broker.declare_queue(queue)
    dramatiq.set_broker(tasks.broker)
