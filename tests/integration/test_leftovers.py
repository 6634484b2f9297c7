"""Everything expires."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from tests.integration.leftovers import measure
from tests.servers import RedisServer


@pytest.mark.parametrize(
    ("runs", "kept", "most"),
    [
        pytest.param(2000, timedelta(seconds=1), 200_000, id="some"),
        pytest.param(
            100_000, timedelta(seconds=60), 100_000, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(400)]
        ),
    ],
)
def test_expired_runs_leave_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, runs: int, kept: timedelta, most: int
) -> None:
    """Though nobody watches, nor starts another run, all their keys and index entries go, and the memory comes back."""
    # The worker is idle by then: what it does in between is all there is.
    monkeypatch.setattr("strawberry_tasks.backends.upkeep.PAUSE", (0.2, 0.3))
    caplog.set_level(logging.CRITICAL)

    with RedisServer() as server:
        before, ended, after = measure(server.url, "test", runs=runs, kept=kept)

    assert ended.memory > before.memory
    assert after.keys == 0
    assert after.memory < before.memory + most
