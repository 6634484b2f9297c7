"""Runs whose enqueue heard no answer: what the caller is told, and what becomes of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest

from strawberry_tasks import Snapshot, TaskStatus, takeback
from strawberry_tasks.errors import QueueUnavailableError
from strawberry_tasks.stores.base import NewRun
from strawberry_tasks.takeback import Again, TakeBack
from tests.processes import wait_until
from tests.unit.failing import FlakyStore, raising

REFUSE: Again = raising(QueueUnavailableError())  # type: ignore[assignment]


def run(run_id: str) -> NewRun:
    """Return what a run is made of."""
    return NewRun(id=run_id, name="n", queue="q", arguments="{}")


def store_with(*run_ids: str, away: int = 0) -> FlakyStore:
    """Make a store with runs, which is away for some removals."""
    store = FlakyStore(discard=away)
    for run_id in run_ids:
        store.create(run(run_id))
    return store


class Case:
    """Runs that were enqueued together, and what was dropped of them."""

    def __init__(self, *run_ids: str) -> None:
        self.runs = [run(run_id) for run_id in run_ids]
        self.dropped: list[str] = []

    def resolve(self, taker: TakeBack, again: Again | None = None) -> Sequence[Snapshot]:
        """Ask what became of them."""
        return taker.resolve(self.runs, again=again, drop=lambda run: self.dropped.append(run.id))


def test_gone_when_it_returns() -> None:
    """Where the store answers, the record is gone when the caller goes on, and nothing is unsettled."""
    store, case = store_with("r"), Case("r")

    with pytest.raises(QueueUnavailableError, match="Nothing was started") as caught:
        case.resolve(TakeBack(store), REFUSE)

    assert caught.value.unsettled == ()
    assert store.read(["r"]) == [None]
    assert case.dropped == ["r"]


def test_enqueued_again() -> None:
    """Where the queue takes the run this time, the caller has it, and it stays."""
    store, case = store_with(), Case("r")

    started = case.resolve(TakeBack(store), lambda: [store.create(run("r"))])

    assert started == store.read(["r"])
    assert case.dropped == []


def test_claimed_run_is_given_to_the_caller() -> None:
    """A run whose message came through after all was started: the caller has it, and its files stay."""
    store, case = store_with("r"), Case("r")
    store.claim("r")

    (started,) = case.resolve(TakeBack(store), REFUSE)

    assert (started.id, started.status) == ("r", TaskStatus.RUNNING)
    assert case.dropped == []


def test_some_of_many_were_claimed() -> None:
    """Where only some runs were started, the others are taken back, and the caller learns which ones go on."""
    store, case = store_with("first", "second"), Case("first", "second", "third")
    store.claim("second")

    with pytest.raises(QueueUnavailableError) as caught:
        case.resolve(TakeBack(store), REFUSE)

    assert caught.value.unsettled == ("second",)
    assert case.dropped == ["first", "third"]


def test_store_is_away() -> None:
    """The caller learns what is unknown; the records go as soon as the store is back, in order, though nobody waits."""
    store, case = store_with("first", "second", away=4), Case("first", "second")
    taker = TakeBack(store)

    with pytest.raises(QueueUnavailableError, match="does not answer") as caught:
        case.resolve(taker, REFUSE)
    dropped_early = list(case.dropped)
    wait_until(lambda: len(case.dropped) == 2, "the end of both")

    assert caught.value.unsettled == ("first", "second")
    assert dropped_early == []
    assert case.dropped == ["first", "second"]
    assert store.read(["first", "second"]) == [None, None]


def test_nobody_enqueues_for_a_caller_who_has_gone() -> None:
    """What was refused is not enqueued any more, though the queue takes it by then."""
    store, case = store_with("r", away=4), Case("r")
    has_gone = threading.Event()

    def again() -> list[Snapshot]:
        if not has_gone.is_set():
            raise QueueUnavailableError
        return [store.create(run("r"))]

    with pytest.raises(QueueUnavailableError):
        case.resolve(TakeBack(store), again)
    has_gone.set()
    wait_until(lambda: case.dropped == ["r"], "the end of the run")

    assert store.read(["r"]) == [None]


def test_giving_up(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """After its patience it says in the log which run may be there still, and leaves its files to a worker."""
    monkeypatch.setattr(takeback, "PATIENCE", timedelta(0))
    case = Case("the-run")

    with pytest.raises(QueueUnavailableError) as caught:
        case.resolve(TakeBack(store_with("the-run", away=99)))

    assert "the-run" in caplog.text
    assert caught.value.unsettled == ("the-run",)
    assert case.dropped == []


def test_closing(caplog: pytest.LogCaptureFixture) -> None:
    """At the end of the process it is tried once more, and its thread is gone."""
    store, case = store_with("the-run", away=99), Case("the-run")
    taker = TakeBack(store)
    with pytest.raises(QueueUnavailableError):
        case.resolve(taker)
    thread = taker._thread

    taker.close()

    assert thread is not None
    assert not thread.is_alive()
    assert "the-run" in caplog.text
