"""Taking back the records of runs whose message was not sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from strawberry_tasks import takeback
from strawberry_tasks.stores.base import NewRun
from strawberry_tasks.takeback import TakeBack
from tests.unit.failing import FlakyStore


def store_with(*run_ids: str, away: int = 0) -> FlakyStore:
    """Make a store with runs, which is away for some removals."""
    store = FlakyStore(discard=away)
    for run_id in run_ids:
        store.create(NewRun(id=run_id, name="n", queue="q", arguments="{}"))
    return store


def test_gone_when_it_returns() -> None:
    """Where the store answers, the record is gone when the caller goes on."""
    store = store_with("r")

    TakeBack(store).discard("r", wait=True)

    assert store.read(["r"]) == [None]


def test_store_is_away() -> None:
    """The records go as soon as the store is back, in order, though nobody waits."""
    store = store_with("first", "second", "third", away=2)
    taker = TakeBack(store)

    taker.discard("first", wait=False)
    taker.discard("second", wait=False)
    thread = taker._thread
    assert thread is not None
    thread.join(timeout=10)
    taker.discard("third", wait=True)

    assert store.read(["first", "second", "third"]) == [None, None, None]
    assert store.left["discard"] == 0


def test_claimed_run_stays() -> None:
    """A run whose message came through after all is left alone."""
    store = store_with("r")
    store.claim("r")

    TakeBack(store).discard("r", wait=True)

    assert store.read(["r"]) != [None]


def test_giving_up(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """After its patience it says in the log which record may be there still."""
    monkeypatch.setattr(takeback, "PATIENCE", timedelta(0))

    TakeBack(store_with("the-run", away=99)).discard("the-run", wait=True)

    assert "the-run" in caplog.text
