"""``manage.py``: prune, retry, cancel, inspect, in this process."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from strawberry_tasks.django.management.logged import read_age
from strawberry_tasks.django.models import TaskExecution
from strawberry_tasks.status import TaskStatus
from tests.django.project.tasks import add, fail
from tests.processes import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("closed_tasks")]


def manage(*words: str, **options: Any) -> str:
    """Run a command, and return what it has printed for scripts."""
    return managed(*words, **options)[0]


def managed(*words: str, **options: Any) -> tuple[str, str]:
    """Run a command, and return what it has printed for scripts, and for people."""
    out, err = io.StringIO(), io.StringIO()
    call_command(*words, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def refusal(*words: str) -> tuple[str, int]:
    """Run a command that fails; return what it says, and what it ends with."""
    with pytest.raises(CommandError) as caught:
        manage(*words)
    return str(caught.value), caught.value.returncode


def failed(reason: str = "why", *, ended: timedelta = timedelta(0), name: str | None = None) -> str:
    """Have a run fail, and let it have ended so long ago; return its id."""
    handle = fail.enqueue(reason)
    rows = TaskExecution.objects.filter(pk=handle.id)
    wait_until(lambda: rows.get().status == TaskStatus.FAILED, "the row of the failed run")
    rows.update(completed_at=datetime.now(UTC) - ended, **({"name": name} if name else {}))
    return handle.id


def test_prune_removes_what_ended_long_ago() -> None:
    """What is older than RETENTION goes, or than --older-than says; what is younger, or has not ended, stays."""
    # None is older than the RETENTION that the threads of this process go by, who prune as well.
    ancient, old, young = (failed(ended=timedelta(days=days)) for days in (20, 10, 0))
    live = add.using(delay=timedelta(hours=1)).enqueue(1, 2).id

    with override_settings(STRAWBERRY_TASKS={"URL": "memory://", "RETENTION": timedelta(days=15)}):
        assert manage("tasks_prune", "--dry-run").startswith("Would remove 1 run that ended before")
        assert TaskExecution.objects.filter(pk=ancient).exists()
        assert manage("tasks_prune").startswith("Removed 1 run that")
    assert not TaskExecution.objects.filter(pk=ancient).exists()
    assert manage("tasks_prune", "--older-than", "1w").startswith("Removed 1 run that")

    assert not TaskExecution.objects.filter(pk=old).exists()
    assert set(TaskExecution.objects.values_list("pk", flat=True)) == {young, live}


def test_prune_needs_to_know_what_is_old() -> None:
    """A wrong age, no retention and no table are refused, and nothing is removed."""
    assert refusal("tasks_prune", "--older-than", "soon")[0].startswith(
        "--older-than: expected a number and one of s, m"
    )
    with override_settings(STRAWBERRY_TASKS={"URL": "memory://", "RETENTION": None}):
        assert refusal("tasks_prune")[0].endswith("keeps rows for ever: say --older-than.")
    with override_settings(STRAWBERRY_TASKS={"URL": "memory://", "TRACK_IN_DATABASE": False}):
        assert "there is no table" in refusal("tasks_prune")[0]


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_ages(text: str, age: timedelta) -> None:
    """A number and a unit."""
    assert read_age(text) == age


@pytest.mark.parametrize("text", ["", "d", "7", "-7d", "1.5h", "7 d", "٣d", "7D", "9999999999999w", "999999w"])
def test_no_ages(text: str) -> None:
    """All else is refused, and what is out of range too."""
    with pytest.raises(ValueError, match=r"expected a number|is too long ago"):
        read_age(text)


def test_retry_starts_runs_again() -> None:
    """Each id becomes a new run that tells what it repeats; one that cannot be is named, and the others are started."""
    first, second = failed("a"), failed("b")
    out = io.StringIO()

    with pytest.raises(CommandError, match=r"1 of 3 runs could not be started again\.") as caught:
        call_command("tasks_retry", first, "nonsense", second, stdout=out, stderr=out)

    assert caught.value.returncode == 5
    again = dict(line.split(" → ") for line in out.getvalue().splitlines() if ":" not in line)
    assert set(again) == {first, second}
    assert {TaskExecution.objects.get(pk=run_id).retry_of for run_id in again.values()} == {first, second}
    assert "nonsense: " in out.getvalue()


def test_retry_of_all_that_failed() -> None:
    """--failed takes those that match and were not started again before; --dry-run names them alone."""
    old, other, recent = failed(ended=timedelta(hours=3)), failed(name="vanished"), failed()
    wanted = ("tasks_retry", "--failed", "--name", "fail", "--code", "ON_PURPOSE")

    assert manage(*wanted, "--dry-run").split() == [old, recent]
    assert manage(*wanted, "--since", "1h", "--dry-run").split() == [recent]
    assert managed("tasks_retry", "--failed", "--name", "add") == ("", "Started 0 runs again.\n")
    out, err = managed(*wanted, "--since", "1h")
    assert out.startswith(f"{recent} → ")
    assert err == "Started 1 run again.\n"
    assert manage("tasks_retry", "--failed", "--name", "vanished", "--dry-run").split() == [other]
    assert recent not in manage(*wanted, "--dry-run").split()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "expected ids of runs, or --failed."),
        (["x", "--failed"], "expected ids of runs, or --failed, not both."),
        (["x", "--name", "y"], "--name goes with --failed."),
        (["--failed", "--since", "ever"], "--since: expected a number"),
        (["--failed", "--name", "fial"], "--name: expected one of "),
        (["--failed", "--queue", "urgnt"], "--queue: expected one of "),
    ],
)
def test_what_retry_refuses(words: list[str], why: str) -> None:
    """It is said what was expected."""
    message, code = refusal("tasks_retry", *words)
    assert message.startswith(why)
    assert code == 2


def test_inspect_and_cancel() -> None:
    """The commands of the command line, with their options as Django's, and their exit codes."""
    run = add.using(delay=timedelta(hours=1)).enqueue(1, 2)

    assert "is CANCELED" in manage("tasks_cancel", run.id)
    assert refusal("tasks_cancel", "nonsense")[1] == 5
    assert json.loads(manage("tasks_cancel", run.id, "--json"))["status"] == "CANCELED"
    assert refusal("tasks_inspect")[1] == 2


@pytest.mark.parametrize(
    "words", [("tasks_prune",), ("tasks_retry", "--failed"), ("tasks_retry", "x"), ("tasks_cancel", "x")], ids=" ".join
)
def test_a_table_that_is_missing(words: tuple[str, ...]) -> None:
    """It is said what to run."""
    with connection.schema_editor() as editor:
        editor.alter_db_table(TaskExecution, TaskExecution._meta.db_table, "away")
    try:
        message, code = refusal(*words)
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(TaskExecution, "away", TaskExecution._meta.db_table)

    assert "has `manage.py migrate` been run?" in message
    assert code == 3
