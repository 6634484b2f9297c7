"""The oracle notices each kind of broken promise; one that is never heard proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from strawberry_tasks import Snapshot, TaskStatus
from tests.faults.chaos.oracle import Evidence, Oracle
from tests.faults.chaos.plan import Part
from tests.faults.chaos.scene import Blow
from tests.faults.chaos.streams import Event
from tests.faults.journal import Note

PART = Part(is_async=False, steps=0, pace=0, failures=0, hopeless=False, delay=None, cancel_after=None)
END = Snapshot(id="r", name="play", queue="default", status=TaskStatus.COMPLETED, version=3, attempt=1)
STREAM = [Event(1, "PENDING", False), Event(3, "COMPLETED", True)]
BEGUN = Note("r", 1, "begun", 10, at=100.0)
AGAIN = Note("r", 2, "begun", 11, at=110.0)
KILL = Blow({10}, 105.0, 106.0)


def evidence() -> Evidence:
    """Return that of one run with which all is well."""
    return Evidence(
        parts={"r": PART},
        notes=[BEGUN],
        ends={"r": END},
        finals={"r": END},
        results={"r": 1},
        streams={"a": {"r": STREAM}},
        blows=[],
        messages=0,
        immortal=[],
    )


def with_final(**changes: object) -> Evidence:
    """Return that of a run whose record is another one, and has been for long."""
    final = replace(END, **changes)  # type: ignore[arg-type]
    return replace(evidence(), ends={"r": final}, finals={"r": final})


def with_stream(*events: Event) -> Evidence:
    """Return that of a run whose subscriber got something else."""
    return replace(evidence(), streams={"a": {"r": list(events)}})


BROKEN: dict[str, list[Callable[[], Evidence]]] = {
    "lost": [lambda: replace(evidence(), finals={"r": None})],
    "without a terminal state": [lambda: with_final(status=TaskStatus.RUNNING)],
    "terminal changed": [
        lambda: replace(evidence(), ends={"r": replace(END, version=2)}),
        lambda: with_stream(Event(2, "FAILED", True)),
    ],
    "ended otherwise than meant": [
        lambda: with_final(status=TaskStatus.FAILED),
        lambda: replace(evidence(), results={"r": 2}),
    ],
    "streams out of order": [
        lambda: with_stream(STREAM[0], STREAM[0], STREAM[1]),
        lambda: with_stream(Event(2, "RUNNING", False), *STREAM),
        lambda: with_stream(Event(2, "COMPLETED", True), STREAM[1]),
    ],
    "streams without the end": [lambda: with_stream(STREAM[0]), with_stream],
    "attempts executed twice": [lambda: replace(evidence(), notes=[BEGUN, BEGUN])],
    "executions without a reason": [
        lambda: replace(evidence(), notes=[BEGUN, AGAIN]),
        lambda: replace(evidence(), notes=[BEGUN, AGAIN], blows=[KILL._replace(pids={11})]),
        lambda: replace(evidence(), notes=[BEGUN, AGAIN], blows=[KILL._replace(began=50.0, ended=51.0)]),
        lambda: replace(evidence(), notes=[BEGUN, AGAIN], blows=[KILL._replace(began=111.0, ended=112.0)]),
        lambda: replace(
            evidence(), notes=[BEGUN, AGAIN, AGAIN._replace(attempt=3)], blows=[KILL._replace(pids={10, 11})]
        ),
    ],
    "refused, yet executed": [lambda: replace(evidence(), notes=[BEGUN, BEGUN._replace(run_id="s")])],
    "left behind": [
        lambda: replace(evidence(), messages=1),
        lambda: replace(evidence(), immortal=["key"]),
        lambda: replace(evidence(), strangers={"s"}),
    ],
    "enqueues that failed otherwise": [lambda: replace(evidence(), errors=["RuntimeError()"])],
}


def test_it_finds_nothing_where_all_is_well() -> None:
    """Each promise is looked at, and none is broken."""
    findings = Oracle(evidence()).findings()

    assert findings == {promise: [] for promise in BROKEN}


@pytest.mark.parametrize(("promise", "broken"), [(name, case) for name, cases in BROKEN.items() for case in cases])
def test_it_finds_what_is_broken(promise: str, broken: Callable[[], Evidence]) -> None:
    """What breaks a promise is found under its name."""
    findings = Oracle(broken()).findings()

    assert findings[promise]


def test_a_refusal_that_was_not_certain_may_be_executed() -> None:
    """Where an enqueue could not tell, and said so, a worker may have the run."""
    executed = replace(evidence(), notes=[BEGUN, BEGUN._replace(run_id="s")], unsettled={"s"}, strangers={"s"})

    findings = Oracle(executed).findings()

    assert findings["refused, yet executed"] == findings["left behind"] == []


def test_a_lost_worker_explains_another_attempt() -> None:
    """An attempt that follows a fault which took a worker is nobody's mistake."""
    repeated = replace(evidence(), notes=[BEGUN, AGAIN], blows=[KILL])

    findings = Oracle(repeated).findings()

    assert findings["executions without a reason"] == []
