"""The keeper of a process: leases that do not lapse, and attempts that are told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest

from strawberry_tasks import Snapshot, TaskStatus
from strawberry_tasks.errors import StoreUnavailableError, TaskCanceled
from strawberry_tasks.hub import Hub
from strawberry_tasks.keeper import Keeper
from strawberry_tasks.stop import AttemptGivenBack, AttemptLost, StopSignal
from strawberry_tasks.stores.base import AttemptId, Change, Claim, Lease, NewRun
from strawberry_tasks.stores.memory import MemoryStore
from tests.processes import wait_until

SHORT = timedelta(milliseconds=300)
LONG = timedelta(minutes=1)

pytestmark = pytest.mark.timeout(30)


class Renewals(MemoryStore):
    """Counts the renewals, of which the first ones may fail."""

    def __init__(self, *, away: int = 0) -> None:
        super().__init__(result_ttl=LONG, lease=LONG)
        self.count = 0
        self.away = away

    def renew(self, attempts: Sequence[AttemptId]) -> list[Lease]:
        """Renew, unless away."""
        self.count += 1
        if self.count <= self.away:
            raise StoreUnavailableError("The store is away.")
        return super().renew(attempts)


MakeKeeper = Callable[..., Keeper]


@pytest.fixture
def make_keeper() -> Iterator[MakeKeeper]:
    """Make a keeper that hears of requests to cancel, or of none."""
    made: list[tuple[Keeper, Hub]] = []

    def make(store: MemoryStore, *, lease: timedelta = SHORT, hears: bool = True) -> Keeper:
        hub = Hub((store if hears else MemoryStore(result_ttl=LONG)).feed)
        made.append((Keeper(store, hub, lease=lease), hub))
        return made[-1][0]

    yield make
    for keeper, hub in made:
        keeper.close()
        hub.close()


def claimed(store: MemoryStore, run_id: str = "r") -> Snapshot:
    """Return a run with an attempt."""
    store.create(NewRun(id=run_id, name="n", queue="q", arguments="{}"))
    claim = store.claim(run_id)
    assert isinstance(claim, Claim)
    return claim.snapshot


def end(store: MemoryStore) -> None:
    """End the run of that attempt behind its back."""
    assert store.apply([Change(run_id="r", attempt=1, values={"status": TaskStatus.COMPLETED})]) != [None]


def test_it_renews_again_and_again(make_keeper: MakeKeeper) -> None:
    """As long as an attempt is held its lease is renewed, several times within its length, and it is not told anything."""
    store, stop = Renewals(), StopSignal()

    make_keeper(store).hold(claimed(store), stop)
    wait_until(lambda: store.count > 3, "four renewals")

    assert stop.reason is None


def test_it_goes_on_when_the_store_is_back(make_keeper: MakeKeeper) -> None:
    """A store that is away for a while costs nobody the lease."""
    store, stop = Renewals(away=2), StopSignal()

    make_keeper(store).hold(claimed(store), stop)
    wait_until(lambda: store.count > 3, "two renewals")

    assert stop.reason is None


def test_it_tells_an_attempt_that_was_lost(make_keeper: MakeKeeper, caplog: pytest.LogCaptureFixture) -> None:
    """What another one has by now is told to stop, and the log says so."""
    caplog.set_level(logging.INFO)
    store, stop = Renewals(), StopSignal()
    run = claimed(store)
    end(store)

    make_keeper(store).hold(run, stop)
    wait_until(lambda: stop.reason, "the news")

    assert stop.reason is AttemptLost
    assert "has lost its lease" in caplog.text


def test_it_leaves_alone_what_is_over(make_keeper: MakeKeeper, caplog: pytest.LogCaptureFixture) -> None:
    """An attempt that has written its end, and has not heard the answer yet, has lost nothing."""
    store, stop = Renewals(), StopSignal()
    run = claimed(store)
    stop.is_over = True
    end(store)

    make_keeper(store).hold(run, stop)
    wait_until(lambda: store.count > 1, "a renewal")

    assert stop.reason is None
    assert "lease" not in caplog.text


def test_a_request_to_cancel_is_heard_at_once(make_keeper: MakeKeeper) -> None:
    """It does not wait for the next renewal."""
    store, stop = Renewals(), StopSignal()
    keeper = make_keeper(store, lease=LONG)
    keeper.hold(claimed(store), stop)
    # The first renewal says that the thread is there.
    wait_until(lambda: store.count, "the first renewal")

    store.cancel("r")
    wait_until(lambda: stop.reason, "the news")

    assert stop.reason is TaskCanceled


def test_a_request_that_was_missed_comes_with_a_renewal(make_keeper: MakeKeeper) -> None:
    """Who did not hear it learns of it within a third of a lease."""
    store, stop = Renewals(), StopSignal()
    make_keeper(store, hears=False).hold(claimed(store), stop)

    store.cancel("r")
    wait_until(lambda: stop.reason, "the news")

    assert stop.reason is TaskCanceled


def test_a_released_attempt_is_not_told(make_keeper: MakeKeeper) -> None:
    """What has ended here is renewed no more, while another one is."""
    store, stop, other = Renewals(), StopSignal(), StopSignal()
    keeper = make_keeper(store)
    run = claimed(store)
    keeper.hold(run, stop)
    keeper.hold(claimed(store, "other"), other)

    keeper.release(run)
    keeper.release(run)
    end(store)
    before = store.count
    wait_until(lambda: store.count > before + 1, "two renewals")

    assert (stop.reason, other.reason) == (None, None)
    assert not keeper.is_idle()


def test_giving_back_waits_for_those_that_stop(make_keeper: MakeKeeper) -> None:
    """Each attempt is told; one that ends in time is not abandoned."""
    store, stop, abandoned = Renewals(), StopSignal(), list[str]()
    keeper, run = make_keeper(store), claimed(store)
    keeper.hold(run, stop, abandon=lambda: abandoned.append("r"))

    with stop.heard_by(lambda _: threading.Thread(target=keeper.release, args=(run,)).start()):
        keeper.give_back(LONG)

    assert stop.reason is AttemptGivenBack
    assert keeper.is_idle()
    assert abandoned == []


def test_giving_back_abandons_the_others(make_keeper: MakeKeeper, caplog: pytest.LogCaptureFixture) -> None:
    """Those that go on are abandoned, also after one of which that could not be written."""
    store, abandoned = Renewals(), list[str]()
    keeper = make_keeper(store)

    def fail() -> None:
        raise StoreUnavailableError("The store is away.")

    keeper.hold(claimed(store, "first"), StopSignal(), abandon=fail)
    keeper.hold(claimed(store, "second"), StopSignal(), abandon=lambda: abandoned.append("second"))

    keeper.give_back(timedelta(milliseconds=50))

    assert abandoned == ["second"]
    assert "could not be given back" in caplog.text
