"""Long work, started from GraphQL, watched live, with a typed result."""

from .app import Tasks
from .context import TaskContext
from .errors import StrawberryTasksError, TaskCanceled, TaskError, TaskTimeout
from .handle import Handle
from .policy import OwnerPolicy, Policy, Viewer
from .schema.control import TaskMutation
from .schema.extension import Schema
from .schema.fields import TaskQuery, TaskSubscription
from .schema.types import TaskHandle, UntypedTaskHandle
from .snapshot import Failure, Snapshot
from .status import TaskStatus
from .task import Task

__all__ = [
    "Failure",
    "Handle",
    "OwnerPolicy",
    "Policy",
    "Schema",
    "Snapshot",
    "StrawberryTasksError",
    "Task",
    "TaskCanceled",
    "TaskContext",
    "TaskError",
    "TaskHandle",
    "TaskMutation",
    "TaskQuery",
    "TaskStatus",
    "TaskSubscription",
    "TaskTimeout",
    "Tasks",
    "UntypedTaskHandle",
    "Viewer",
]
