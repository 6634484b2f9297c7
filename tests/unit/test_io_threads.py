"""The threads for I/O while the store refuses what they ask of it."""

from __future__ import annotations

import time

import pytest

from strawberry_tasks.errors import StoreUnavailableError
from strawberry_tasks.io_threads import IoThreads
from strawberry_tasks.surroundings import PlainSurroundings

LONG_AGO = 10.0
"""Seconds for which a call has waited for a thread."""


@pytest.mark.parametrize(
    ("answer", "is_away"),
    [("Connection refused.", True), ("command not allowed when used memory > 'maxmemory'.", False)],
)
async def test_who_has_waited_long_fails_like_others_unless_the_store_is_merely_full(
    answer: str, is_away: bool
) -> None:
    """A store without memory answers at once, and reads as ever."""
    io = IoThreads(PlainSurroundings())
    asked = time.monotonic() - LONG_AGO

    def refuse() -> None:
        raise StoreUnavailableError(answer)

    with pytest.raises(StoreUnavailableError):
        await io.call(refuse)

    if is_away:
        with pytest.raises(StoreUnavailableError, match="nor did it answer others"):
            io._call(asked, str)
    else:
        assert not io._call(asked, str)
    io.close()
