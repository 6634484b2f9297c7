"""The store port: what keeps snapshots and publishes their changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol

from ..errors import TaskUnreadableError
from ..snapshot import JSON, Failure, Snapshot
from .records import Reading


class Fire(NamedTuple):
    """One fire of a schedule."""

    schedule: str
    """The schedule's name."""

    at: datetime
    """When it fires."""


class Limit(NamedTuple):
    """How many runs may be RUNNING at a time."""

    group: str
    """Of those that name the same."""

    most: int
    """At the most; 1 or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run that is about to be recorded."""

    id: str
    """Unguessable, and unique within the namespace."""

    name: str
    """The task's name."""

    queue: str
    """The queue that its message will go to."""

    arguments: str
    """The encoded arguments, JSON text; handed back by `Store.claim`."""

    max_retries: int = 0
    """How many attempts may follow the first."""

    owner: str | None = None
    """Who starts it; ``None`` is nobody."""

    claims: Mapping[str, JSON] = field(default_factory=dict)
    """What the policy captured of the viewer."""

    delay: timedelta | None = None
    """How long from now until it may start; ``None`` is at once."""

    retry_of: str | None = None
    """The run that it repeats."""

    expires: timedelta | None = None
    """How long from now until it must have started; ``None`` is for ever."""

    key: str | None = None
    """While a run of its task with that key is live, there is no other one."""

    tags: Sequence[str] = ()
    """Words to find it by."""

    priority: int = 0
    """How urgent it is in its queue; the higher, the sooner."""

    limit: Limit | None = None
    """With which others it is limited."""

    fire: Fire | None = None
    """What starts it; of a schedule's fires, one that is not after all earlier ones starts nothing any more."""


def pending(run: NewRun, *, now: datetime) -> Snapshot:
    """Return a run as `Store.create` would, if it were recorded now."""
    return Snapshot(
        id=run.id,
        name=run.name,
        queue=run.queue,
        version=1,
        max_retries=run.max_retries,
        owner=run.owner,
        claims=run.claims,
        retry_of=run.retry_of,
        key=run.key,
        tags=tuple(run.tags),
        priority=run.priority,
        created_at=now,
        scheduled_for=None if run.delay is None else now + run.delay,
        start_by=None if run.expires is None else now + run.expires,
    )


class ScheduleState(NamedTuple):
    """What the store knows of a schedule."""

    last: datetime
    """Its last fire; before the first one, when it was first asked for."""

    is_paused: bool
    """Whether it does not fire."""


class Record(NamedTuple):
    """A run, and what it was started with."""

    snapshot: Snapshot
    """Its state."""

    arguments: str
    """The encoded arguments, as `NewRun` gave them."""


class Claim(NamedTuple):
    """An attempt that the caller may now execute, unless the run has ended."""

    snapshot: Snapshot
    """The run as RUNNING; ``snapshot.attempt`` is the token that fences every later write. It is terminal if the claim itself
    has ended the run, since its last attempt was lost, or its first one comes too late."""

    arguments: str
    """The encoded arguments, as `NewRun` gave them."""


class Busy(NamedTuple):
    """Nothing can be claimed now: the run is RUNNING, and its attempt is leased; or as many are RUNNING as may be."""

    retry_in: timedelta
    """When to try again: when the lease lapses, unless it is renewed until then; or when a place may be free."""


class Lease(Enum):
    """What became of an attempt's lease when it was to be renewed."""

    HELD = "held"
    """The attempt goes on."""

    CANCELED = "canceled"
    """It is held, and somebody asked for the run to stop."""

    LOST = "lost"
    """The attempt is over, for itself or for another one; whatever it writes is refused."""


class Waiting(NamedTuple):
    """A run that was `Busy` for its `Limit`, and may start now."""

    run_id: str
    queue: str


class AttemptId(NamedTuple):
    """One attempt of a run."""

    run_id: str
    attempt: int


class Change(NamedTuple):
    """One write by the attempt that runs.

    A store refuses it unless the run is RUNNING in that very attempt. It adds the times itself, by its own clock: a terminal
    status sets ``completed_at`` and ``expires_at``, and ``delay`` sets ``scheduled_for``.
    """

    run_id: str
    """Which run."""

    attempt: int
    """The attempt that writes."""

    values: Mapping[str, Any]
    """Attributes of `Snapshot`, and ``result``, and their new values, ``status`` among them where it changes."""

    delay: timedelta | None = None
    """How long from now until the next attempt; goes with RETRYING."""


class Page(NamedTuple):
    """Some runs, newest first."""

    runs: Sequence[Snapshot]
    """The runs; may be fewer than asked for where some have just expired, or cannot be read."""

    cursor: str | None
    """Pass it as ``after`` to read on; ``None`` is the end."""

    unreadable: Sequence[TaskUnreadableError] = ()
    """What is left out, as it cannot be read."""


class Confirmed(NamedTuple):
    """A topic is attached: every change after this moment will be told."""

    topic: str


class Changed(NamedTuple):
    """A run has a newer state than before; read it to know which."""

    topic: str
    run_id: str
    version: int


class Feed(Protocol):
    """One process's live link to a store. It belongs to the event loop that opened it."""

    async def connect(self) -> None:
        """Open the link, with no topic attached.

        Raises:
            StoreUnavailableError: If the store does not answer.
        """

    async def attach(self, *topics: str) -> None:
        """Ask for the changes of these topics; `receive` tells when each is `Confirmed`."""

    async def detach(self, *topics: str) -> None:
        """Stop asking for the changes of these topics."""

    async def receive(self) -> Confirmed | Changed:
        """Wait for the next event.

        Raises:
            StoreUnavailableError: If the link is lost, or the store stopped answering its liveness checks. The feed is then
                closed; open another one and attach again.
        """

    async def read(self, run_ids: Sequence[str]) -> list[Reading]:
        """Return the present state of each run, as `Store.read` does."""

    async def aclose(self) -> None:
        """Close the link; harmless when it is closed already."""


class Store(Protocol):
    """Keeps each run's snapshot, applies changes one at a time, and tells the feeds.

    All methods are synchronous, may be called from any thread, and raise `StoreUnavailableError` when the store does not
    answer within its timeout. Those about one run raise `TaskUnreadableError` if its record is damaged, or of another version; those
    about several leave it out.
    """

    def create(self, run: NewRun) -> Snapshot:
        """Record a run as PENDING, version 1; a run of that id that is there already comes back as it is.

        So does the live run of the same task that has its ``key``: look at the id.

        Raises:
            AlreadyFiredError: If its fire, or a later one, was made before, and there is no such run any more.
        """

    def standing(self, run: NewRun) -> Snapshot | None:
        """Return what `create` would not make the run for: the one of its id, or the live one of its task and key."""

    def discard(self, run_id: str) -> Snapshot | None:
        """Forget a run that no worker has claimed, because its message could not be sent; its watchers are told, and find it gone.

        Returns:
            The run, if it stays because a worker has claimed it, or it has ended; ``None`` if it is gone.
        """

    def claim(self, run_id: str, *, token: str = "") -> Claim | Busy | None:
        """Start the next attempt: RUNNING, leased, ``attempt`` raised by 1, progress and failure cleared.

        ``started_at`` becomes now, ``scheduled_for`` is cleared. A RUNNING run is `Busy` as long as its lease has not lapsed;
        then its attempt is lost as in `sweep`, and the next one starts if there is one. A run whose first attempt comes too
        late is FAILED with `EXPIRED`. Returns ``None`` if there is no such run or it was terminal.

        Args:
            run_id: Which run.
            token: The caller's own; a claim that is repeated with it, since its outcome is unknown, gives the same attempt.
        """

    def renew(self, attempts: Sequence[AttemptId]) -> list[Lease]:
        """Lease attempts anew, in one round trip, and tell what became of each."""

    def sweep(self) -> list[Record]:
        """Take RUNNING runs from attempts whose lease has lapsed; some of them, if there are many.

        They become RETRYING, due now; FAILED with `WORKER_LOST`, if no retry is left; CANCELED, if that was asked for. When
        nobody has renewed a lease for longer than one, as during an outage of the store, nothing is taken for another lease.
        Runs that were not started in time are FAILED with `EXPIRED`.

        Returns:
            Those that have ended by it.
        """

    def waiting(self, run_id: str) -> list[Waiting]:
        """Return the runs that may start now that this one has ended, of those that are limited with it."""

    def cancel(self, run_id: str) -> Record | None:
        """Ask for a run to stop, and return it as it is now; ``None`` if there is no such run.

        It is CANCELED at once unless it is RUNNING; its worker is then told, through `CANCEL_TOPIC` and with every renewal, and
        RETRYING is refused to it. A terminal run is left as it is.
        """

    def apply(self, changes: Sequence[Change]) -> list[int | None]:
        """Apply each change on its own, in one round trip, and return each run's new version, ``None`` where refused.

        A change that ends its attempt may be repeated when its first outcome is unknown, as after a timeout: if it was
        applied then, the run's version comes back and nothing changes. COMPLETED raises ``progress`` to 100.
        """

    def probe(self) -> None:
        """Write something that is soon gone; raise `StoreUnavailableError` if no run could be recorded now."""

    def read(self, run_ids: Sequence[str]) -> list[Reading]:
        """Return the present state of each run, ``None`` where there is none, an error where its record cannot be read."""

    def result(self, run_id: str) -> str | None:
        """Return what a run has returned, as JSON text; ``None`` if there is no such run, or it is not COMPLETED.

        Nothing else reads it: a result may be large, and who looks at a run may have no right to it, or no use for it.
        """

    def load(self, run_id: str) -> Record | None:
        """Return a run with its arguments, ``None`` if there is no such run."""

    def list(self, *, owner: str | None, first: int, after: str | None = None) -> Page:
        """Return a page of runs, newest first.

        Args:
            owner: Whose runs; ``None`` lists everybody's.
            first: At most so many.
            after: The `Page.cursor` of the page before, or the `cursors.cursor_of` any run.

        Raises:
            ValueError: If ``after`` is no cursor.
        """

    def forget(self, run_id: str) -> bool:
        """Remove a record, whatever it is, and all that it holds; return whether there was one. Meant for unreadable ones."""

    def schedules(self, names: Sequence[str]) -> tuple[datetime, Sequence[ScheduleState]]:
        """Return the store's time, and what it knows of schedules; from now on it knows each of them."""

    def pause(self, schedule: str, *, paused: bool) -> None:
        """Keep a schedule from firing, or let it fire again, from now on."""

    def feed(self) -> Feed:
        """Make a feed; it connects when told to."""

    def close(self) -> None:
        """Give back connections; the store can be used again and reconnects."""


def run_topic(run_id: str) -> str:
    """Name the topic of one run's changes."""
    return f"run:{run_id}"


def owner_topic(owner: str) -> str:
    """Name the topic of the changes of all runs of one owner."""
    return f"owner:{owner}"


ALL_TOPIC = "all"
"""The topic of every change of every run."""

CANCEL_TOPIC = "cancel"
"""The topic of RUNNING runs that are to stop."""

LEASE: Final = timedelta(seconds=30)
"""How long an attempt is leased, unless one says otherwise."""

MAX_SWEPT: Final = 100
"""How many lapsed leases one `Store.sweep` looks at."""

WORKER_LOST: Final = Failure(code="WORKER_LOST", message="The worker that ran the task was lost.")
"""The failure of an attempt whose lease has lapsed."""

EXPIRED: Final = Failure(code="EXPIRED", message="The task was not started in time.")
"""The failure of a run whose first attempt comes too late."""

DROPPED: Final = "{}"
"""The arguments of a run whose own the store has dropped, since it is COMPLETED and they were large."""

LIVE_TTL = timedelta(days=7)
"""How long the record of a run that has not ended is kept, since its last change and beyond its delay."""
