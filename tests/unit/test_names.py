"""The public names: few, and pinned."""

from __future__ import annotations

import strawberry_tasks

NAMES = {
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
    "UntypedTaskHandle",
    "TaskQuery",
    "TaskStatus",
    "TaskSubscription",
    "TaskTimeout",
    "Tasks",
    "Viewer",
}


def test_public_names() -> None:
    """Nothing is public by accident, nothing goes by accident, and there are no more than twenty."""
    assert set(strawberry_tasks.__all__) == NAMES
    assert len(strawberry_tasks.__all__) <= 20
    assert all(hasattr(strawberry_tasks, name) for name in NAMES)
