"""Runs that backends of Django's tasks framework carry, in worker processes of their own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.apps.scenarios import Gate
from tests.django.sites import Site, running_project
from tests.processes import wait_until
from tests.programs import DjangoWorker
from tests.servers import RedisServer

pytest.importorskip("django_tasks_db", reason="needs the dependency group `adapters`, which goes not with all versions")
pytest.importorskip("django_tasks_rq", reason="needs the dependency group `adapters`, which goes not with all versions")


LEASE = 2
"""Seconds without a word from its worker after which an attempt is lost."""

WORKERS = {
    "database": (["db_worker", "--backend", "database", "--interval", "0.1", "--verbosity", "3"], "Starting worker"),
    "rq": (["rqworker", "default", "--with-scheduler", "--job-class", "django_tasks_rq.Job"], "Listening on"),
}
"""The command of each backend's worker, and what it prints when it has started."""

LOOK = "{ task(id: %r) { status attempt progressCurrent result failure { code message } } }"
WATCH = "subscription { taskProgress(taskId: %r) { status progressCurrent isTerminal result } }"


@dataclass(frozen=True, slots=True)
class Carried:
    """A project whose runs are carried by a backend of the framework."""

    site: Site
    alias: str

    def worker(self, log: Path) -> DjangoWorker:
        """Return another worker, to be started."""
        words, ready = WORKERS[self.alias]
        return DjangoWorker(words, environment=self.site.environment, log=log, ready=ready)

    def start(self, mutation: str) -> str:
        """Start a run over GraphQL, and return its id."""
        answer = self.site.backstage.execute(f"mutation {{ started: {mutation} {{ id }} }}")
        return str(answer["data"]["started"]["id"])

    def cancel(self, run_id: str) -> None:
        """Ask for a run to stop."""
        answer = self.site.backstage.execute(f'mutation {{ cancelTask(taskId: "{run_id}") {{ id }} }}')
        assert "errors" not in answer, answer

    def look(self, run_id: str) -> Any:
        """Return a run as a client sees it."""
        return self.site.backstage.execute((LOOK % run_id).replace("'", '"'))["data"]["task"]

    def wait(self, run_id: str, status: str) -> Any:
        """Return a run once it has this status."""
        wait_until(lambda: self.look(run_id)["status"] == status, f"{run_id} {status}")
        return self.look(run_id)


@pytest.fixture(scope="module", params=list(WORKERS))
def carried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carried]:
    """The project over each backend, without a worker."""
    options = {"BACKEND": "django.tasks", "BROKER": request.param, "LEASE": LEASE}
    # RQ's keys have no namespace.
    with (
        RedisServer() as server,
        running_project(
            tmp_path_factory.mktemp(request.param),
            settings="tests.django.carried.settings",
            options=options,
            tasks_url=server.url,
        ) as site,
    ):
        yield Carried(site, request.param)


@pytest.fixture(scope="module")
def worker(carried: Carried, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DjangoWorker]:
    """One worker process of the backend's own; the last test kills it."""
    with carried.worker(tmp_path_factory.mktemp("worker") / "worker.log") as worker:
        yield worker


@pytest.mark.usefixtures("worker")
async def test_a_client_watches_a_run(carried: Carried, tmp_path: Path) -> None:
    """Started by a mutation, watched over a websocket: the state now, the progress, and the end."""
    gate = Gate(str(tmp_path / "gate"))
    run_id = carried.start(f'count(gate: "{gate.path}")')

    seen = []
    async with carried.site.backstage.socket() as socket:
        async for event in await socket.execute((WATCH % run_id).replace("'", '"')):
            seen.append(event["taskProgress"])
            if seen[-1]["progressCurrent"] == 2:
                gate.open()

    assert [state["isTerminal"] for state in seen] == [*[False] * (len(seen) - 1), True]
    assert 2 in [state["progressCurrent"] for state in seen]
    assert (seen[-1]["status"], seen[-1]["result"]) == ("COMPLETED", 4)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("name", ["add", "addAsync"])
def test_a_result_has_its_type(carried: Carried, name: str) -> None:
    """Of a sync and of an async function."""
    run = carried.wait(carried.start(f"{name}(left: 2, right: 40)"), "COMPLETED")

    assert run["result"]["value"] == 42
    assert run["attempt"] == 1


@pytest.mark.usefixtures("worker")
def test_attempts_follow_each_other(carried: Carried) -> None:
    """After a wait that is short, and after one for which the backend puts a message off."""
    soon, later = carried.start("flaky(failures: 2)"), carried.start("flakyLater(failures: 1)")

    assert carried.wait(soon, "COMPLETED")["result"] == 3
    assert carried.wait(later, "RETRYING")["attempt"] == 1
    assert carried.wait(later, "COMPLETED")["result"] == 2


@pytest.mark.usefixtures("worker")
def test_a_run_fails(carried: Carried) -> None:
    """In the function's own words, or in ours, which leak nothing."""
    expected, unforeseen = carried.start("giveUp(again: false)"), carried.start("flaky(failures: 9)")

    assert carried.wait(expected, "FAILED")["failure"] == {"code": "SHELF_EMPTY", "message": "The shelf is empty."}
    failed = carried.wait(unforeseen, "FAILED")
    assert failed["attempt"] == 3
    assert failed["failure"]["code"] == "TASK_ERROR"
    assert "secret" not in failed["failure"]["message"]


def test_what_waits_is_canceled_at_once(carried: Carried) -> None:
    """One that is put off for an hour does not wait until then."""
    run_id = carried.site.start(None)

    carried.cancel(run_id)

    assert (carried.look(run_id)["status"], carried.look(run_id)["attempt"]) == ("CANCELED", 0)


@pytest.mark.usefixtures("worker")
def test_what_runs_is_canceled(carried: Carried, tmp_path: Path) -> None:
    """At the function's next `await`."""
    run_id = carried.start(f'countAsync(gate: "{tmp_path / "gate"}")')
    carried.wait(run_id, "RUNNING")

    carried.cancel(run_id)

    carried.wait(run_id, "CANCELED")


@pytest.mark.parametrize("carried", ["database"], indirect=True)
async def test_a_killed_worker_is_seen_and_its_run_goes_on(
    carried: Carried, worker: DjangoWorker, tmp_path: Path
) -> None:
    """Watchers see RETRYING, and the second message brings about the next attempt."""
    gate = Gate(str(tmp_path / "gate"))
    run_id = carried.start(f'stumble(gate: "{gate.path}")')
    carried.wait(run_id, "RUNNING")

    seen = set()
    async with carried.site.backstage.socket() as socket:
        watched = await socket.execute((WATCH % run_id).replace("'", '"'))
        worker.send_signal(signal.SIGKILL)
        async for event in watched:
            seen.add(event["taskProgress"]["status"])
            if "RETRYING" in seen:
                break
    gate.open()
    with carried.worker(tmp_path / "second.log"):
        run = carried.wait(run_id, "COMPLETED")

    assert (run["attempt"], run["result"]) == (2, 2)
