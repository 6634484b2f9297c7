"""Tells from the evidence which promises were broken."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import pairwise

from strawberry_tasks import Snapshot, TaskStatus
from tests.faults.chaos.plan import Part
from tests.faults.chaos.scene import LEASE, Blow
from tests.faults.chaos.streams import Event
from tests.faults.journal import Note

SLACK = LEASE.total_seconds()
"""Seconds after a fault in which what it has parted may not have come together again."""


@dataclass(slots=True)
class Evidence:
    """What is known when all is over."""

    parts: Mapping[str, Part]
    """What each accepted run was meant to do."""

    notes: Sequence[Note]
    """Each execution."""

    ends: Mapping[str, Snapshot | None]
    """Each run's record when its watchers had done."""

    finals: Mapping[str, Snapshot | None]
    """Each run's record when everybody had come back."""

    results: Mapping[str, object]
    """What each COMPLETED run has returned."""

    streams: Mapping[str, Mapping[str, Sequence[Event]]]
    """What each subscriber got of each run."""

    blows: Sequence[Blow]
    """What the faults did to workers."""

    messages: int
    """How many messages are left."""

    immortal: Sequence[str]
    """The keys that never expire and belong to no message."""

    strangers: set[str] = field(default_factory=set)
    """Records of runs whose enqueue was refused."""

    unsettled: Set[str] = frozenset()
    """The refused runs of which it was said that they may go on."""

    errors: Sequence[str] = ()
    """What was raised by an enqueue, refusals aside."""


class Oracle:
    """Judges."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._begun: dict[str, list[Note]] = defaultdict(list)
        for note in evidence.notes:
            if note.word == "begun":
                self._begun[note.run_id].append(note)

    def findings(self) -> dict[str, list[str]]:
        """Return for each promise what breaks it; nothing is as it should be."""
        checks: dict[str, Callable[[], Iterable[str]]] = {
            "lost": self._lost,
            "without a terminal state": self._unfinished,
            "terminal changed": self._changed,
            "ended otherwise than meant": self._wrong_end,
            "streams out of order": self._disorder,
            "streams without the end": self._cut_streams,
            "attempts executed twice": self._twice,
            "executions without a reason": self._unexplained,
            "refused, yet executed": self._refused,
            "left behind": self._left,
            "enqueues that failed otherwise": lambda: self._evidence.errors,
        }
        return {name: list(check()) for name, check in checks.items()}

    @property
    def executions(self) -> int:
        """How often a function was begun, refused runs aside."""
        return sum(len(self._begun[run_id]) for run_id in self._evidence.parts)

    @property
    def extra(self) -> int:
        """How many executions came to nothing, through no failure of their own."""
        return sum(len(self._repeated(run_id)) for run_id in self._evidence.parts)

    @property
    def foreign(self) -> int:
        """How many runs were executed whose enqueue was refused."""
        return len(set(self._begun) - set(self._evidence.parts))

    def _lost(self) -> Iterator[str]:
        return (run_id for run_id, end in self._evidence.finals.items() if end is None)

    def _unfinished(self) -> Iterator[str]:
        for run_id, run in self._evidence.finals.items():
            if run is not None and not run.is_terminal:
                yield f"{run_id}: {run.status}, attempt {run.attempt}, executions {self._begun[run_id]}"

    def _changed(self) -> Iterator[str]:
        for run_id, end in self._evidence.ends.items():
            final = self._evidence.finals[run_id]
            if end is not None and end.is_terminal and end != final:
                yield f"{run_id}: {end} became {final}"
        for name, runs in self._evidence.streams.items():
            for run_id, events in runs.items():
                final = self._evidence.finals.get(run_id)
                last = next((event for event in events if event.is_terminal), None)
                if last and final and (last.version, last.status) != (final.version, str(final.status)):
                    yield f"{run_id}: {name} saw {last}, it is {final.status} {final.version}"

    def _wrong_end(self) -> Iterator[str]:
        for run_id, part in self._evidence.parts.items():
            run = self._evidence.finals[run_id]
            result = self._evidence.results.get(run_id)
            if run is not None and run.is_terminal and not _is_as_meant(run, result, part):
                yield f"{run_id}: {run.status} {run.failure}, attempt {run.attempt}, result {result!r}, {part}"

    def _disorder(self) -> Iterator[str]:
        for name, runs in self._evidence.streams.items():
            for run_id, events in runs.items():
                rises = all(before.version < after.version for before, after in pairwise(events))
                if not rises or any(event.is_terminal for event in events[:-1]):
                    yield f"{run_id} at {name}: {events}"

    def _cut_streams(self) -> Iterator[str]:
        for name, runs in self._evidence.streams.items():
            for run_id, events in runs.items():
                if run_id in self._evidence.parts and not (events and events[-1].is_terminal):
                    yield f"{run_id} at {name}: {events}"

    def _twice(self) -> Iterator[str]:
        for run_id, notes in self._begun.items():
            if max(Counter(note.attempt for note in notes).values()) > 1:
                yield f"{run_id}: {notes}"

    def _unexplained(self) -> Iterator[str]:
        for run_id in self._evidence.parts:
            left = list(self._evidence.blows)
            for note, following in self._repeated(run_id):
                reason = next((blow for blow in left if _explains(blow, note, following)), None)
                if reason is None:
                    yield f"{note}, then {following}"
                else:
                    left.remove(reason)

    def _refused(self) -> Iterable[str]:
        return set(self._begun) - set(self._evidence.parts) - self._evidence.unsettled

    def _left(self) -> Iterator[str]:
        if self._evidence.messages:
            yield f"{self._evidence.messages} messages"
        yield from self._evidence.immortal
        # One that a worker got hold of before it could be taken back runs to its end.
        unseen = self._evidence.strangers - set(self._begun)
        yield from (f"record of {run_id}, which was refused" for run_id in unseen)

    def _repeated(self, run_id: str) -> list[tuple[Note, Note]]:
        """Return the attempts that another one followed though they were not meant to fail, each with that one."""
        part = self._evidence.parts[run_id]
        failures = 0 if part.hopeless else part.failures
        # A worker that is stopped notes its attempt after the next one has begun elsewhere.
        begun = sorted(self._begun[run_id], key=lambda note: note.attempt)
        return [(note, following) for note, following in pairwise(begun) if note.attempt > failures]


def _explains(blow: Blow, note: Note, following: Note) -> bool:
    """Tell whether a fault struck the worker of an attempt while it ran, or renewed its leases no more."""
    return note.pid in blow.pids and note.at <= blow.ended + SLACK and following.at >= blow.began


def _is_as_meant(run: Snapshot, result: object, part: Part) -> bool:
    if run.status is TaskStatus.CANCELED:
        return part.cancel_after is not None
    if part.hopeless:
        return run.status is TaskStatus.FAILED and run.failure is not None and run.failure.code == "HOPELESS"
    return run.status is TaskStatus.COMPLETED and result == run.attempt and run.attempt > part.failures
