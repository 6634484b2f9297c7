"""Lists runs: from the log, as the store has them now, or from the store alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from .config import MAX_PAGE
from .errors import StoreUnavailableError
from .log import Log, Wanted
from .runtime import Runtime
from .snapshot import Snapshot
from .stores.base import Page, Store
from .stores.cursors import cursor_of
from .stores.records import legible

logger = logging.getLogger(__name__)

SCAN_PAGES = 10
"""How many pages one page looks through for runs that match; a reader reads on from there."""


def list_runs(
    runtime: Runtime, wanted: Wanted, may_see: Callable[[Snapshot], bool], *, first: int, after: str | None
) -> Page:
    """Return a page of the runs that are wanted and may be seen, newest first.

    Args:
        runtime: Where the runs are.
        wanted: Which of them.
        may_see: Tells whether a run may be seen.
        first: At most so many.
        after: Where the page before ended; ``None`` is the beginning.

    Raises:
        ValueError: If ``after`` is no cursor.
        StoreUnavailableError: If the store does not answer, and there is no log.
    """
    found: list[Snapshot] = []
    cursor = after
    for _ in range(SCAN_PAGES):
        page = _read_page(runtime, wanted, first, cursor)
        for run in page.runs:
            if wanted.matches(run) and may_see(run):
                if len(found) == first:
                    return Page(runs=found, cursor=cursor_of(found[-1]))
                found.append(run)
        cursor = page.cursor
        if cursor is None:
            break
    return Page(runs=found, cursor=cursor)


def _read_page(runtime: Runtime, wanted: Wanted, first: int, after: str | None) -> Page:
    if runtime.log is None:
        return runtime.store.list(owner=wanted.owner, first=MAX_PAGE, after=after)
    return _read_logged(runtime.log, runtime.store, wanted, first=first, after=after)


def _read_logged(log: Log, store: Store, wanted: Wanted, *, first: int, after: str | None) -> Page:
    # One more than asked for tells whether there are more.
    page = log.list(wanted, first=first + 1, after=after)
    return Page(runs=with_present_states(page.runs, store), cursor=page.cursor)


def with_present_states(runs: Sequence[Snapshot], store: Store) -> Sequence[Snapshot]:
    """Return logged runs as the store has those now that had not ended; as they were logged, where it does not answer."""
    live = [run.id for run in runs if not run.is_terminal]
    if not live:
        return runs
    try:
        present = {run.id: run for run in legible(store.read(live))}
    except StoreUnavailableError as error:
        logger.warning("%d runs are listed as they were when they were logged: %s", len(live), error)
        return runs
    # A cursor is made of the log's own order.
    return [replace(present.get(run.id, run), created_at=run.created_at) for run in runs]
