"""Django's tasks framework over runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import strawberry
from django.core.checks import run_checks
from django.db import transaction
from django.utils import timezone

from strawberry_tasks import Schema
from strawberry_tasks.django import default_tasks, framework
from strawberry_tasks.django.tasks import DramatiqBackend, as_mutation
from strawberry_tasks.errors import ConfigurationError
from tests.django.project import tasks
from tests.namespaces import fresh_namespace
from tests.patience import PATIENCE
from tests.processes import wait_until
from tests.programs import ROOT, Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("closed_tasks")]


def finished(result: Any) -> Any:
    """Wait for a result's end."""

    def is_finished() -> bool:
        result.refresh()
        return bool(result.is_finished)

    wait_until(is_finished, f"the end of {result.id}")
    return result


def test_a_task_is_run() -> None:
    """Its arguments and its result are what JSON makes of them."""
    result = finished(tasks.echo.enqueue(1, "two", three=(3,)))

    assert result.status == "SUCCESSFUL"
    assert result.return_value == [[1, "two"], {"three": [3]}]
    assert result.args == [1, "two"]
    assert result.kwargs == {"three": [3]}
    assert result.attempts == 1
    assert result.enqueued_at <= result.started_at <= result.finished_at


def test_an_async_task_is_run() -> None:
    """On the event loop of the worker."""
    assert finished(tasks.aecho.enqueue("hello")).return_value == "hello"


async def test_each_method_has_an_async_twin() -> None:
    """Enqueue, look up, and refresh."""
    result = await tasks.echo.aenqueue(1)
    await default_tasks.handle(result.id).aresult(timeout=PATIENCE)
    found = await tasks.echo.aget_result(result.id)
    await result.arefresh()

    assert found.return_value == result.return_value == [[1], {}]


def test_what_is_no_json_is_refused_before_anything_starts() -> None:
    """With the framework's own error."""
    with pytest.raises(TypeError):
        tasks.echo.enqueue(object())


@pytest.mark.parametrize(
    ("task", "args", "kind"),
    [(tasks.divide, (1, 0), ZeroDivisionError), (tasks.be_odd, (), tasks.OddError)],
)
def test_what_a_task_raised_is_told(task: Any, args: tuple[int, ...], kind: type[Exception]) -> None:
    """The class, wherever it is, and the traceback; the function is not tried again."""
    result = finished(task.enqueue(*args))

    (error,) = result.errors
    assert result.status == "FAILED"
    assert error.exception_class is kind
    assert "Traceback" in error.traceback
    assert result.attempts == 1
    with pytest.raises(ValueError, match="failed"):
        _ = result.return_value


def test_options_may_ask_for_retries() -> None:
    """`OPTIONS` are those of our own tasks; the context tells the attempt."""
    result = finished(tasks.succeed_at_second.enqueue())

    assert result.return_value == 2
    assert result.attempts == 2


def test_a_task_waits_until_it_is_due() -> None:
    """`run_after` puts the start off."""
    due = timezone.now() + timedelta(hours=1)

    result = tasks.echo.using(run_after=due, priority=7, queue_name="urgent").enqueue()
    run = default_tasks.handle(result.id).refresh()
    found = tasks.echo.get_result(result.id)

    assert run.scheduled_for is not None
    assert abs(run.scheduled_for - due) < timedelta(seconds=5)
    assert (run.priority, run.queue) == (7, "urgent")
    assert (found.task.priority, found.task.queue_name, found.status) == (7, "urgent", "READY")


def test_a_queue_that_the_backend_does_not_have_is_refused() -> None:
    """An empty list of queues takes each."""
    with pytest.raises(Exception, match="'other' is not valid"):
        tasks.echo.using(queue_name="other")

    result = tasks.echo.using(queue_name="other", backend="patient").enqueue()

    assert default_tasks.handle(result.id).refresh().queue == "other"


def test_a_canceled_run_has_failed() -> None:
    """The framework has no word for it."""
    result = tasks.echo.using(run_after=timezone.now() + timedelta(hours=1)).enqueue()
    default_tasks.handle(result.id).cancel()

    assert finished(result).status == "FAILED"


def test_a_result_exists_inside_its_own_transaction() -> None:
    """It waits for the commit, and can be looked up and refreshed meanwhile."""
    with transaction.atomic():
        result = tasks.echo.enqueue(1, two=2)
        result.refresh()
        found = tasks.echo.get_result(result.id)
        waiting = (found.status, found.args, found.kwargs)

    assert waiting == ("READY", [1], {"two": 2})
    assert finished(result).return_value == [[1], {"two": 2}]


def test_a_result_that_was_rolled_back_does_not_exist() -> None:
    """As nothing was started."""
    with transaction.atomic():
        result = tasks.echo.enqueue(1)
        transaction.set_rollback(True)

    with pytest.raises(framework.TaskResultDoesNotExist):
        tasks.echo.get_result(result.id)


def test_the_log_tells_of_a_result_that_has_left_the_store() -> None:
    """For as long as its row is kept: what it was called with, and what it has returned."""
    result = finished(tasks.echo.enqueue("é", two=2))
    runtime = default_tasks.runtime()
    runtime.flush_log()
    runtime.store.forget(result.id)

    found = tasks.echo.get_result(result.id)

    assert (found.status, found.args, found.kwargs) == ("SUCCESSFUL", ["é"], {"two": 2})
    assert found.return_value == [["é"], {"two": 2}]
    assert found.finished_at == result.finished_at


def test_an_unknown_result_is_told() -> None:
    """Of an id that was never given, and of a run that is no task of the framework's."""
    handle = default_tasks.find("add").using(delay=timedelta(hours=1)).enqueue(left=1, right=2)

    for run_id in ("00000000-0000-4000-8000-000000000000", handle.id):
        with pytest.raises(framework.TaskResultDoesNotExist):
            tasks.echo.get_result(run_id)


def test_the_signals_are_sent() -> None:
    """Enqueued here; started and finished where the task runs."""
    seen: list[tuple[str, str]] = []

    def note(name: str) -> Any:
        def receive(sender: type, task_result: Any, **_: object) -> None:
            assert sender is DramatiqBackend
            seen.append((name, task_result.status))

        return receive

    receivers = {
        framework.task_enqueued: note("enqueued"),
        framework.task_started: note("started"),
        framework.task_finished: note("finished"),
    }
    for signal, receiver in receivers.items():
        signal.connect(receiver)
    try:
        finished(tasks.echo.enqueue())
        finished(tasks.divide.enqueue(1, 0))
        finished(tasks.aecho.enqueue("x"))
    finally:
        for signal, receiver in receivers.items():
            signal.disconnect(receiver)

    assert sorted(seen) == [
        ("enqueued", "READY"),
        ("enqueued", "READY"),
        ("enqueued", "READY"),
        ("finished", "FAILED"),
        ("finished", "SUCCESSFUL"),
        ("finished", "SUCCESSFUL"),
        ("started", "RUNNING"),
        ("started", "RUNNING"),
        ("started", "RUNNING"),
    ]


def test_a_task_becomes_a_mutation() -> None:
    """With the types of its function; its run is a result of the framework's as well."""
    mutation = as_mutation(tasks.describe, name="describeWith")

    @strawberry.type
    class Query:
        ok: bool = True

    schema = Schema(query=Query, extensions=[default_tasks.extension])
    answer = schema.execute_sync('mutation { describeWith(since: "2026-11-21", words: ["a"]) { id } }')
    assert answer.errors is None
    assert answer.data is not None
    run_id = answer.data["describeWith"]["id"]
    value = default_tasks.handle(run_id).result(timeout=PATIENCE)
    found = tasks.describe.get_result(run_id)

    assert "describeWith(since: Date!, words: [String!] = null): DescribeWithTaskHandle!" in schema.as_str()
    assert mutation.name == "describeWith"
    assert value == found.return_value == f"{run_id} 1 {date(2026, 11, 21)} ['a']"
    assert found.kwargs == {"since": "2026-11-21", "words": ["a"]}


def test_a_task_of_another_backend_becomes_no_mutation() -> None:
    """It would not be run by us."""

    class Foreign:
        module_path = "project.tasks.foreign"

        def get_backend(self) -> str:
            return "another backend"

    with pytest.raises(ConfigurationError, match=r"expected a task of .*DramatiqBackend, but project.tasks.foreign"):
        as_mutation(Foreign())  # type: ignore[arg-type]


@pytest.mark.django_db(databases=["default", "other"])
def test_options_that_mean_nothing_are_told_by_the_checks() -> None:
    """At start, and not when the first task fails."""
    wrong = DramatiqBackend("wrong", {"OPTIONS": {"max_retrys": 1}})
    right = DramatiqBackend("right", {"OPTIONS": {"timeout": 30}})

    (message,) = wrong.check()

    assert "max_retrys" in message.msg
    assert right.check() == []
    assert [found for found in run_checks() if str(found.id).startswith("strawberry_tasks.")] == []


def test_a_worker_process_runs_it(redis_url: str, tmp_path: Path) -> None:
    """Another process than the one that enqueues, over Redis; also with arguments that are too large to be kept there."""
    with fresh_namespace(redis_url) as namespace:
        environment = {
            "TEST_TASKS_URL": redis_url,
            "TEST_TASKS_NAMESPACE": namespace,
            "TEST_TASKS_OPTIONS": json.dumps({"TRACK_IN_DATABASE": False}),
        }
        with Worker("tests.django.project.worker:broker", environment=environment, log=tmp_path / "worker.log"):
            command = [sys.executable, "-m", "tests.django.project.enqueue"]
            answers = [
                subprocess.run(
                    [*command, name, json.dumps(args)],
                    env={**os.environ, **environment},
                    cwd=ROOT,
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
                for name, args in (("echo", [1, "two"]), ("echo", ["x" * 2000]), ("succeed_at_second", []))
            ]

    assert [json.loads(answer) for answer in answers] == [
        {"status": "SUCCESSFUL", "value": [[1, "two"], {}], "attempts": 1},
        {"status": "SUCCESSFUL", "value": [["x" * 2000], {}], "attempts": 1},
        {"status": "SUCCESSFUL", "value": 2, "attempts": 2},
    ]
