"""How a snapshot travels as flat text fields."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strawberry_tasks.snapshot import Failure, Snapshot, from_fields, from_millis, to_fields, to_millis
from strawberry_tasks.status import TaskStatus

texts = st.text(min_size=1)
moments = st.integers(0, 253402300799000).map(from_millis)
counts = st.integers(0, 2**31 - 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
failures = st.builds(Failure, code=texts, message=texts, exception=st.none() | texts, traceback=st.none() | texts)
snapshots = st.builds(
    Snapshot,
    id=texts,
    name=texts,
    queue=texts,
    status=st.sampled_from(TaskStatus),
    version=counts,
    attempt=counts,
    max_retries=counts,
    progress=numbers,
    progress_current=st.none() | numbers,
    progress_total=st.none() | numbers,
    progress_message=st.none() | texts,
    failure=st.none() | failures,
    cancel_requested=st.booleans(),
    owner=st.none() | texts,
    claims=st.dictionaries(st.text(), values),
    created_at=st.none() | moments,
    scheduled_for=st.none() | moments,
    started_at=st.none() | moments,
    completed_at=st.none() | moments,
    expires_at=st.none() | moments,
)


# A machine with other work takes long to make them up.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots)
def test_a_snapshot_survives_the_journey(run: Snapshot) -> None:
    """What becomes text comes back as the same snapshot."""
    fields = to_fields({field.name: getattr(run, field.name) for field in dataclasses.fields(run)})

    assert from_fields(fields) == run


def test_every_attribute_has_a_field() -> None:
    """A new attribute cannot be forgotten on the way to the store."""
    run = Snapshot(id="run", name="sync", queue="q")

    fields = to_fields({field.name: getattr(run, field.name) for field in dataclasses.fields(run)})

    assert set(fields) == {field.name for field in dataclasses.fields(Snapshot)}


def test_a_result_travels_beside_its_snapshot() -> None:
    """It has a field of its own, and reading a state leaves that alone."""
    fields = {**to_fields({"id": "run", "name": "sync", "queue": "q", "result": [1]}), "result": "{cut"}

    assert from_fields(fields) == Snapshot(id="run", name="sync", queue="q")


def test_unknown_and_absent_fields_do_no_harm() -> None:
    """A record of another version of the package can be read: what is unknown is ignored, what is absent has its default."""
    run = from_fields({"id": "run", "name": "sync", "queue": "q", "mood": "fine", "owner": ""})

    assert run == Snapshot(id="run", name="sync", queue="q")


def test_an_attribute_that_is_none_empties_its_field() -> None:
    """Clearing an attribute is an empty text, which reads as its default again."""
    assert to_fields({"failure": None, "progress": None}) == {"failure": "", "progress": ""}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_a_result_that_json_cannot_hold_is_refused(value: object) -> None:
    """A result that clients could not parse never gets into the store."""
    with pytest.raises(ValueError, match="JSON"):
        to_fields({"result": value})


def test_moments_are_kept_to_the_millisecond_in_utc() -> None:
    """A time of any zone is the same moment in UTC."""
    moment = datetime(2026, 7, 1, 12, 30, 0, 123000, timezone(timedelta(hours=2)))

    assert from_millis(to_millis(moment)) == moment
    assert from_millis(to_millis(moment)).tzinfo is UTC


@pytest.mark.parametrize("status", TaskStatus)
def test_a_run_ends_in_three_states(status: TaskStatus) -> None:
    """COMPLETED, FAILED and CANCELED are final, the others are not."""
    run = Snapshot(id="run", name="sync", queue="q", status=status)

    assert run.is_terminal == (status in {"COMPLETED", "FAILED", "CANCELED"})


def test_the_error_is_the_failure_in_one_line() -> None:
    """Clients that want a text get the message, and nothing without a failure."""
    failed = Snapshot(id="run", name="sync", queue="q", failure=Failure(code="X", message="It broke."))

    assert failed.error == "It broke."
    assert Snapshot(id="run", name="sync", queue="q").error is None
