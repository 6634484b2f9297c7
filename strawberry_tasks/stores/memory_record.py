"""What one process keeps of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..errors import TaskUnreadableError
from ..snapshot import Snapshot, to_fields
from ..status import TaskStatus
from .base import Limit
from .records import reading_of, snapshot_from


@dataclass(slots=True, kw_only=True)
class MemoryRecord:
    """What is kept of a run."""

    id: str
    """The run's id."""

    fields: dict[str, str]
    """As text, like in Redis: what comes out was never shared with what went in."""

    arguments: str
    """The encoded arguments."""

    expires: datetime
    """When it is dropped."""

    lapses: datetime | None = None
    """When the attempt is lost unless it renews its lease; ``None`` unless RUNNING."""

    token: str = ""
    """Of the claim that began the attempt."""

    lost: int = 0
    """The attempt that was lost last."""

    limit: Limit | None = None
    """With which others it is limited."""

    waits: int = 0
    """Its place among those that wait for another run to end; 0 if it does not."""

    @property
    def snapshot(self) -> Snapshot:
        """The run's state.

        Raises:
            TaskUnreadableError: If it cannot be read.
        """
        return snapshot_from(self.id, self.fields)

    @property
    def reading(self) -> Snapshot | TaskUnreadableError:
        """The run's state, or why it cannot be read."""
        return reading_of(self.id, self.fields)

    @property
    def is_live(self) -> bool:
        """Whether something about it may change, as far as can be read."""
        reading = self.reading
        return isinstance(reading, Snapshot) and not reading.is_terminal

    def change(self, **values: object) -> None:
        """Give it a new version, with these values."""
        self.fields |= to_fields({"version": int(self.fields["version"]) + 1, **values})

    def end(self, now: datetime, ttl: timedelta, **values: object) -> None:
        """Change it for the last time."""
        self.change(completed_at=now, expires_at=now + ttl, scheduled_for=None, **values)
        self.expires, self.lapses = now + ttl, None

    def is_late(self, now: datetime) -> bool:
        """Tell whether its first attempt would come too late."""
        if not self.fields.get("start_by") or self.fields.get("status") != TaskStatus.PENDING:
            return False
        run = self.reading
        if isinstance(run, TaskUnreadableError):
            return False
        return run.attempt == 0 and run.start_by is not None and run.start_by <= now
