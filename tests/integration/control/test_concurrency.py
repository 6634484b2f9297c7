"""Of some tasks only so many runs are performed at a time, in all workers together."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from strawberry_tasks import Tasks, TaskStatus
from strawberry_tasks.errors import ConfigurationError, TaskInputError
from tests.apps.controlled import Controlled, work_mark
from tests.apps.scenarios import Gate
from tests.patience import PATIENCE
from tests.processes import wait_until


def gates(directory: Path, count: int) -> list[Gate]:
    """Make gates that are closed."""
    return [Gate(str(directory / str(number))) for number in range(count)]


def is_at_work(gate: Gate) -> bool:
    """Tell whether a function waits before the gate."""
    return work_mark(gate).exists()


@pytest.mark.parametrize("name", ["enter", "enter_async"])
def test_one_follows_on_the_other(controlled: Controlled, tmp_path: Path, name: str) -> None:
    """No two are at work at a time, and all come to their turn."""
    places = gates(tmp_path, 4)
    more = {"room": str(tmp_path)} if name == "enter" else {}
    handles = [getattr(controlled, name).enqueue(gate=gate.path, **more) for gate in places]

    for _ in places:
        wait_until(lambda: any(map(is_at_work, places)), "one is at work", PATIENCE.total_seconds())
        (present,) = [gate for gate in places if is_at_work(gate)]
        present.open()
        wait_until(lambda gate=present: not is_at_work(gate), "it ends")

    for handle in handles:
        handle.result(PATIENCE)
        assert handle.refresh().attempt == 1


def test_others_do_not_count(controlled: Controlled, tmp_path: Path) -> None:
    """What the key tells apart runs at the same time; and who waits holds no thread."""
    places = gates(tmp_path, 3)
    first = controlled.enter.enqueue(gate=places[0].path, room=f"{tmp_path}/first")
    second = controlled.enter.enqueue(gate=places[1].path, room=f"{tmp_path}/second")
    wait_until(lambda: is_at_work(places[0]) and is_at_work(places[1]), "both are at work", PATIENCE.total_seconds())
    waiting = [controlled.enter.enqueue(gate=places[2].path, room=f"{tmp_path}/first") for _ in range(20)]

    add = controlled.fail.enqueue(text="thread")
    wait_until(lambda: add.refresh().is_terminal, "a run of another task ends", PATIENCE.total_seconds())

    assert not is_at_work(places[2])
    assert {handle.refresh().status for handle in waiting} == {TaskStatus.PENDING}
    for handle in waiting:
        handle.cancel()
    for gate in places:
        gate.open()
    for handle in (first, second):
        handle.result(PATIENCE)


def test_the_next_one_is_told(remote: Controlled, tmp_path: Path) -> None:
    """It does not wait until it tries by itself, which is a second at the least."""
    places = gates(tmp_path, 2)
    first, second = [remote.enter.enqueue(gate=gate.path, room=str(tmp_path)) for gate in places]
    wait_until(lambda: any(map(is_at_work, places)), "one is at work", PATIENCE.total_seconds())
    (present,) = [gate for gate in places if is_at_work(gate)]
    (other,) = [gate for gate in places if gate is not present]
    wait_until(lambda: _is_put_off(remote, [first.id, second.id]), "the other one is put off")

    present.open()
    begun = time.monotonic()
    wait_until(lambda: is_at_work(other), "the other one is at work")

    assert time.monotonic() - begun < 0.8
    assert remote.tasks.runtime().store.waiting(first.id) == []
    other.open()


def _is_put_off(controlled: Controlled, run_ids: list[str]) -> bool:
    broker = controlled.tasks.broker
    delayed = f"{broker.namespace}:queue:{controlled.enter.options.queue}:delayed"  # type: ignore[attr-defined]
    return any(broker.client.zscore(delayed, run_id) is not None for run_id in run_ids)  # type: ignore[attr-defined]


@pytest.mark.parametrize("settings", [{"concurrency": 0}, {"concurrency_key": str}])
def test_limits_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    """At declaration, naming the setting."""
    (name,) = settings

    with pytest.raises(ConfigurationError, match=name):
        Tasks("memory://").task(**settings)  # type: ignore[arg-type]


def test_a_key_that_is_too_long_is_refused(local: Controlled) -> None:
    """Before anything is written."""
    with pytest.raises(TaskInputError, match="concurrency_key"):
        local.enter.enqueue(gate="", room="r" * 201)

    assert not local.tasks.runtime().store.list(owner=None, first=9).runs
