"""Everything expires."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from strawberry_tasks import Tasks
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


def test_an_outage_is_told_once(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """Though the worker goes on trying; and so is its end."""
    caplog.set_level(logging.INFO, logger="strawberry_tasks.runtime")
    tasks = Tasks(server.url)
    server.kill()
    tasks.runtime().sweep()
    tasks.runtime().sweep()
    server.start()
    tasks.runtime().sweep()
    tasks.runtime().sweep()
    tasks.close()

    away, back = (record.getMessage() for record in caplog.records)
    assert away.startswith("The store is not swept: The task store at 127.0.0.1:")
    assert back == "The store is swept again."
