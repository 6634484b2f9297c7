"""The six states of a run."""

from enum import StrEnum


class TaskStatus(StrEnum):
    """Where a run stands."""

    PENDING = "PENDING"
    """Accepted and waiting for a worker."""

    RUNNING = "RUNNING"
    """A worker executes an attempt of it."""

    RETRYING = "RETRYING"
    """An attempt failed; another one is scheduled."""

    COMPLETED = "COMPLETED"
    """The function returned, and its result is stored."""

    FAILED = "FAILED"
    """No attempt succeeded, and none will follow."""

    CANCELED = "CANCELED"
    """Somebody asked for it to stop, and it did."""

    @property
    def is_terminal(self) -> bool:
        """Whether a run in this state never changes again."""
        return self in _TERMINAL


_TERMINAL = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELED})
