"""A run that failed or was canceled can be started again."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from strawberry_tasks import Handle, Snapshot, Viewer
from strawberry_tasks.errors import TaskFailedError, TaskNotFoundError, TaskNotRetryableError
from tests.apps.controlled import Controlled, work_mark
from tests.apps.scenarios import Gate
from tests.patience import PATIENCE
from tests.processes import wait_until

HOUR = timedelta(hours=1)


def ended(handle: Handle[object]) -> Snapshot:
    """Wait for the end."""
    wait_until(lambda: handle.refresh().is_terminal, "the run ends", PATIENCE.total_seconds())
    return handle.refresh()


def test_a_failed_run_starts_again_as_a_new_one(controlled: Controlled) -> None:
    """The new run has the arguments, the owner and the claims of the old one, and tells which it repeats."""
    viewer = Viewer(id="ann", claims={"tenant": "acme"})
    first = controlled.fail.using(viewer=viewer).enqueue(text="luck")
    before = ended(first)

    second = first.retry()

    with pytest.raises(TaskFailedError, match="No luck"):
        second.result(PATIENCE)
    run = second.refresh()
    assert (run.retry_of, run.name, run.queue, run.owner, run.claims) == (
        first.id, "fail", before.queue, "ann", {"tenant": "acme"},
    )  # fmt: skip
    assert second.id != first.id
    assert first.refresh() == before


async def test_a_canceled_run_starts_again(controlled: Controlled, gate: Gate) -> None:
    """The new run is not canceled by what was asked of the old one."""
    first = await controlled.stubborn.using(delay=HOUR).aenqueue(gate=gate.path)
    await first.acancel()
    gate.open()

    second = await first.aretry()

    assert await second.aresult(PATIENCE) == "finished"
    assert (await second.arefresh()).cancel_requested is False


def test_only_what_failed_or_was_canceled_is_retried(controlled: Controlled, gate: Gate) -> None:
    """A run that waits, runs or has completed stays as it is."""
    handle = controlled.stubborn.enqueue(gate=gate.path)
    delayed = controlled.stubborn.using(delay=HOUR).enqueue(gate=gate.path)
    wait_until(work_mark(gate).exists, "the function starts")
    with pytest.raises(TaskNotRetryableError, match="RUNNING"):
        handle.retry()
    with pytest.raises(TaskNotRetryableError, match="PENDING"):
        delayed.retry()
    gate.open()
    handle.result(PATIENCE)

    with pytest.raises(TaskNotRetryableError, match="COMPLETED"):
        handle.retry()

    delayed.cancel()


def test_a_run_whose_files_are_gone_is_not_retried(controlled: Controlled, gate: Gate) -> None:
    """What was uploaded is removed with the end of its run, and the client is told to upload it again."""
    handle = controlled.keep.using(delay=HOUR).enqueue(gate=gate.path, file=io.BytesIO(b"content"))
    handle.cancel()

    with pytest.raises(TaskNotRetryableError, match="Upload them again"):
        handle.retry()


def test_a_run_that_is_gone_is_not_retried(controlled: Controlled, gate: Gate) -> None:
    """There is nothing to repeat."""
    handle = controlled.stubborn.using(delay=HOUR).enqueue(gate=gate.path)
    controlled.tasks.runtime().store.discard(handle.id)

    with pytest.raises(TaskNotFoundError):
        handle.retry()
