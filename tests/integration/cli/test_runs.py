"""``enqueue``, ``cancel``, ``retry`` and ``dead``: single runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from strawberry_tasks import TaskStatus
from tests.apps.scenarios import Gate
from tests.integration.cli.conftest import APP, Invoke, MakeWorker
from tests.processes import wait_until
from tests.programs import Program


@pytest.fixture
def worker(make_worker: MakeWorker, app: ModuleType) -> Iterator[Program]:
    """A worker of all queues."""
    with make_worker("--threads", "2") as worker:
        yield worker


def test_arguments_are_read_as_their_parameters_want_them(app: ModuleType, invoke: Invoke, worker: Program) -> None:
    """Text stays text, though it looks like a number; a number is one; JSON and pairs go together."""
    pairs = invoke("enqueue", "greet", "--arg", "name=42", "--arg", "loud=true", "--follow")
    mixed = invoke("enqueue", "add", "--json-args", '{"left": 1, "right": 5}', "-a", "left=2", "--follow")

    assert (pairs.exit_code, pairs.stdout) == (0, '"42"\n')
    assert (mixed.exit_code, mixed.stdout) == (0, "7\n")


def test_enqueue_prints_the_id_and_does_not_wait(app: ModuleType, invoke: Invoke) -> None:
    """The run waits in its queue."""
    run_id = invoke("enqueue", "add", "-a", "left=1").stdout.strip()
    told = json.loads(invoke("enqueue", "add", "-a", "left=1", "--json").stdout)

    assert app.tasks.handle(run_id).refresh().status is TaskStatus.PENDING
    assert (told["name"], told["status"]) == ("add", "PENDING")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["ad"], 5, "there is no task named 'ad'. Did you mean 'add'?"),
        (["add", "-a", "left"], 2, "expected NAME=VALUE, got 'left'."),
        (["add", "-a", "lift=1"], 2, "the task 'add' has no parameter 'lift'; it has left, right."),
        (["add", "-a", "left=x"], 2, "task 'add', parameter 'left': "),
        (["add"], 2, "missing a required argument: 'left'"),
        (["add", "--json-args", "{"], 2, "expected JSON"),
        (["add", "--json-args", "[1]"], 2, "expected a JSON object of arguments, got [1]."),
    ],
)
def test_what_cannot_be_enqueued_is_refused(
    app: ModuleType, invoke: Invoke, words: list[str], code: int, told: str
) -> None:
    """The message says what is wrong; nothing is started."""
    result = invoke("enqueue", *words)

    assert result.exit_code == code
    assert told in " ".join(result.stderr.split())
    assert app.tasks.runtime().store.list(owner=None, first=10).runs == []


def test_follow_tells_the_outcome_by_its_exit_code(
    app: ModuleType, invoke: Invoke, worker: Program, gate: Gate
) -> None:
    """1 for FAILED, 4 for CANCELED; each state on stderr, or as a line of JSON."""
    failed = invoke("enqueue", "fail", "--follow")
    assert failed.exit_code == 1
    assert "The shelf is empty. (SHELF_EMPTY)" in failed.stderr

    gate.open()
    states = [
        json.loads(line)
        for line in invoke("enqueue", "wait", "-a", f"gate={gate.path}", "-f", "--json").stdout.splitlines()
    ]
    assert states[-1]["status"] == "COMPLETED"
    assert states[-1]["result"] > 0


def test_a_run_is_canceled_and_started_again(app: ModuleType, invoke: Invoke, worker: Program, gate: Gate) -> None:
    """Running: told to stop; ended: refused with 5; then as a new run."""
    run_id = invoke("enqueue", "wait", "-a", f"gate={gate.path}").stdout.strip()
    wait_until(lambda: app.tasks.handle(run_id).refresh().status is TaskStatus.RUNNING, "it runs")

    assert "is told to stop" in invoke("cancel", run_id).stdout
    wait_until(lambda: app.tasks.handle(run_id).refresh().status is TaskStatus.CANCELED, "it has stopped")
    assert "is CANCELED" in invoke("cancel", run_id).stdout

    gate.open()
    again = invoke("retry", run_id, "--follow", "--json")
    new_id = json.loads(again.stdout.splitlines()[-1])["id"]
    assert again.exit_code == 0
    assert app.tasks.handle(new_id).refresh().retry_of == run_id
    ended = invoke("cancel", new_id)
    assert (ended.exit_code, ended.stderr.strip()) == (5, f"Error: wait {new_id} has ended before, as COMPLETED.")
    assert invoke("retry", new_id).exit_code == 5


def test_a_run_that_is_not_there_is_refused(app: ModuleType, invoke: Invoke) -> None:
    """With 5, by `cancel` and `retry`."""
    for command in ("cancel", "retry"):
        result = invoke(command, "nobody")
        assert (result.exit_code, "There is no task with the id 'nobody'" in result.stderr) == (5, True)


IN_A_TERMINAL = """
import signal
from strawberry_tasks.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # Shells have what they start in the background ignore it.
main()
"""


def test_ctrl_c_leaves_the_run_alone(app: ModuleType) -> None:
    """It ends with 130, and says that the run goes on."""
    words = [sys.executable, "-c", IN_A_TERMINAL, "enqueue", APP, "add", "-a", "left=1", "--follow"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=os.environ) as command:
        assert command.stderr is not None
        assert command.stderr.readline() == "PENDING 0 %\n"
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=20)

    (waiting,) = app.tasks.runtime().store.list(owner=None, first=10).runs
    assert command.returncode == 130
    assert f"The run {waiting.id} goes on." in told
    assert waiting.status is TaskStatus.PENDING


def bury(app: ModuleType, count: int) -> list[str]:
    """Give up so many runs, and return their ids, the latest first."""
    transport, queue = app.tasks.broker, app.tasks.config.namespace
    ids = [app.add.enqueue(left=1).id for _ in range(count)]
    for _ in ids:
        transport.fetch(queue, 1)
        (delivery,) = transport.inbox(queue).drain()
        delivery.fail()
        transport.consume(queue).nack(delivery)
    return [letter.message_id for letter in transport.dead.read(queue)]


def test_dead_letters_are_listed_started_again_and_purged(app: ModuleType, invoke: Invoke) -> None:
    """A run is started again as a new one; its letter is gone with that."""
    first, second, third = bury(app, 3)

    listed = json.loads(invoke("dead", "list", "--json").stdout)
    assert [(letter["id"], letter["task"], letter["reason"]) for letter in listed] == [
        (one, "add", "FAILED") for one in (first, second, third)
    ]
    assert first in invoke("dead", "list").stdout

    retried = json.loads(invoke("dead", "retry", first, "--json").stdout)["retried"]
    assert app.tasks.handle(retried[first]).refresh().retry_of == first
    assert invoke("dead", "purge", second).stdout == "Deleted 1.\n"
    assert [letter["id"] for letter in json.loads(invoke("dead", "list", "--json").stdout)] == [third]
    assert json.loads(invoke("dead", "purge", "--all", "--json").stdout) == {"purged": 1}


def test_dead_wants_ids_or_all(app: ModuleType, invoke: Invoke) -> None:
    """Nothing is purged by accident; an unknown id is refused."""
    (letter,) = bury(app, 1)

    assert invoke("dead", "purge").exit_code == 2
    assert invoke("dead", "purge", letter, "--all").exit_code == 2
    assert invoke("dead", "retry", letter, "nobody").exit_code == 5
    assert json.loads(invoke("dead", "list", "--json").stdout)
