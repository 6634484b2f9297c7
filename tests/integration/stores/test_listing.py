"""What every store promises about lists of runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from strawberry_tasks.status import TaskStatus
from strawberry_tasks.stores.base import Change, NewRun, Page, Store
from strawberry_tasks.stores.cursors import cursor_of
from tests.processes import wait_until

MakeStore = Callable[[timedelta], Store]


def create(store: Store, *run_ids: str, owner: str | None = None) -> None:
    for run_id in run_ids:
        store.create(NewRun(id=run_id, name="sync", queue="q", arguments="{}", owner=owner))


def ids(page: Page) -> list[str]:
    return [run.id for run in page.runs]


def test_the_newest_come_first(store: Store) -> None:
    """Runs are listed by their creation, however quickly they came and whatever their ids; changes do not move them."""
    create(store, "b", "c", "a")
    store.claim("b")

    page = store.list(owner=None, first=9)

    assert ids(page) == ["a", "c", "b"]
    assert page.cursor is None


def test_an_owner_sees_only_their_own(store: Store) -> None:
    """A list of one owner holds nobody else's runs, and none that nobody owns."""
    create(store, "hers", owner="ann")
    create(store, "his", owner="bob")
    create(store, "nobodys")

    assert ids(store.list(owner="ann", first=9)) == ["hers"]
    assert ids(store.list(owner=None, first=9)) == ["nobodys", "his", "hers"]
    assert ids(store.list(owner="eve", first=9)) == []


@pytest.mark.parametrize("first", [1, 2, 3, 7, 8])
def test_pages_join_without_gap_or_repetition(store: Store, first: int) -> None:
    """Reading page by page gives every run once, in order, and ends with a page without a cursor."""
    names = [f"run-{number}" for number in range(7)]
    create(store, *names, owner="ann")

    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = store.list(owner="ann", first=first, after=cursor)
        seen += ids(page)
        assert len(page.runs) <= first
        cursor = page.cursor
        if cursor is None:
            break

    assert seen == names[::-1]


def test_newer_runs_do_not_disturb_the_pages_to_come(store: Store) -> None:
    """What is created between two pages belongs to neither."""
    create(store, "a", "b", "c", "d")
    first = store.list(owner=None, first=2)
    create(store, "e")

    second = store.list(owner=None, first=2, after=first.cursor)

    assert (ids(first), ids(second)) == (["d", "c"], ["b", "a"])


def test_any_run_can_stand_for_a_cursor(store: Store) -> None:
    """The list goes on after the run that `cursor_of` was given, for every owner."""
    create(store, "a", "b", "c", owner="ann")
    (middle,) = store.read(["b"])
    assert middle is not None

    assert ids(store.list(owner=None, first=9, after=cursor_of(middle))) == ["a"]
    assert ids(store.list(owner="ann", first=9, after=cursor_of(middle))) == ["a"]


def test_a_cursor_outlives_its_run(make_store: MakeStore) -> None:
    """Where the last run of a page has expired meanwhile, the next page goes on with what is older."""
    store = make_store(timedelta(milliseconds=1))
    create(store, "old")
    (old,) = store.read(["old"])
    assert old is not None
    # A run of another millisecond: siblings of the same one are passed over once the cursor's run is gone.
    wait_until(lambda: _create_later(store, "new", cursor_of(old)), "a run of a later millisecond")
    cursor = cursor_of(store.list(owner=None, first=1).runs[0])
    store.claim("new")

    store.apply([Change(run_id="new", attempt=1, values={"status": TaskStatus.COMPLETED})])
    wait_until(lambda: store.read(["new"]) == [None], "the newer run expires")

    assert ids(store.list(owner=None, first=9, after=cursor)) == ["old"]


def _create_later(store: Store, run_id: str, than: str) -> bool:
    create(store, run_id)
    (run,) = store.read([run_id])
    (old,) = store.read(["old"])
    assert run is not None
    assert old is not None
    if run.created_at == old.created_at:
        store.discard(run_id)
        return False
    return True


@pytest.mark.parametrize("cursor", ["", "garbage", "AAAA", "🍓", "MTIz", "eCB5", "\ud83c", "LTEgYQ=="])
def test_what_is_no_cursor_is_refused(store: Store, cursor: str) -> None:
    """A cursor that no page gave is a mistake of the caller, and the message shows it."""
    with pytest.raises(ValueError, match="expected the cursor"):
        store.list(owner=None, first=1, after=cursor)
