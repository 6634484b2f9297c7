"""``check`` and the health functions: whether tasks will be performed."""

from __future__ import annotations

import json
from types import ModuleType

from strawberry_tasks import Tasks
from strawberry_tasks.contrib.health import ahealthz, healthz, look
from tests.integration.cli.conftest import APP, Invoke, MakeWorker, Run
from tests.processes import free_port, wait_until


async def test_ready_is_when_each_queue_of_the_tasks_has_a_worker(
    app: ModuleType, invoke: Invoke, make_worker: MakeWorker
) -> None:
    """The queues without one are named; 1 until all have one, then 0."""
    own = app.tasks.config.namespace
    before = invoke("check", "--ready")
    with make_worker("--queue", "urgent"):
        wait_until(app.tasks.workers, "it is there")
        partly = json.loads(invoke("check", "--ready", "--json").stdout)
    with make_worker():
        wait_until(lambda: len(app.tasks.workers()) == 1 and look(app.tasks).is_ready, "it is there")
        after = invoke("check", "--ready")
        assert await ahealthz(app.tasks, ready=True) == (
            200,
            {"ok": True, "store": True, "workers": 1, "unattended": []},
        )

    assert (before.exit_code, "queue bulk: no worker consumes it" in before.stdout) == (1, True)
    assert {finding["what"] for finding in partly["findings"] if finding["level"] == "error"} == {
        "queue bulk",
        f"queue {own}",
    }
    assert partly["ok"] is False
    assert after.exit_code == 0


def test_a_web_server_is_live_without_workers(app: ModuleType) -> None:
    """Liveness asks the store alone."""
    assert healthz(app.tasks)[0] == 200
    status, body = healthz(app.tasks, ready=True)

    assert status == 503
    assert body["unattended"] == sorted(["bulk", "urgent", app.tasks.config.namespace])


def test_check_tells_of_settings_tasks_and_losses(app: ModuleType, invoke: Invoke) -> None:
    """All that it has looked at is listed."""
    told = json.loads(invoke("check", "--json").stdout)

    found = {finding["what"]: finding for finding in told["findings"]}
    assert app.tasks.config.namespace in found["settings"]["text"]
    assert "tellConcurrency" in found["tasks"]["text"]
    assert found["workers"]["level"] == "error"
    assert found["durability"]["level"] in {"ok", "warning"}


def test_a_store_that_is_away_is_told_with_3(run: Run) -> None:
    """By `check` and by what needs the store; the health body names no server."""
    url = f"redis://127.0.0.1:{free_port()}/0"

    checked = run("check", APP, "--json", TEST_TASKS_URL=url)
    inspected = run("inspect", APP, TEST_TASKS_URL=url)

    assert (checked.returncode, inspected.returncode) == (3, 3)
    assert "does not answer" in checked.stdout
    assert "does not answer" in inspected.stderr
    assert "Traceback" not in checked.stderr + inspected.stderr
    assert healthz(Tasks(url)) == (503, {"ok": False, "store": False, "workers": 0, "unattended": []})
