"""The GraphQL documents that people come with run as they stand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.graphql_socket import graphql_socket
from tests.processes import wait_until
from tests.sites import Site

START_SYNC = """
mutation StartSync {
  syncInventory(provider: "AMAZON") {
    taskId
    status # PENDING, RUNNING, COMPLETED, FAILED
  }
}
"""
CHECK_TASK = """
query CheckTask($id: ID!) {
  task(id: $id) {
    status
    progress
    progressMessage
    result
    error
  }
}
"""
ON_TASK_UPDATE = """
subscription OnTaskUpdate($taskId: ID!) {
  taskProgress(taskId: $taskId) {
    status
    progress
    progressMessage
  }
}
"""
TASK_UPDATED = """
subscription {{
  taskUpdated(taskId: "{}") {{
    status
    progress
    result
    error
  }}
}}
"""
GENERATE_REPORT = 'mutation { generateReport(datasetId: "123") { taskId status } }'
GENERATE_REPORT_SNAKE = 'mutation { generate_report(dataset_id: "123") { task_id status } }'
TASK_UPDATED_SNAKE = 'subscription {{ task_updated(task_id: "{}") {{ status progress result error }} }}'
CHECK_TASK_SNAKE = "query CheckTask($id: ID!) { task(id: $id) { status progress progress_message result error } }"

REPORT = {"status": "COMPLETED", "progress": 100.0, "result": {"dataset": "123", "pages": 3}, "error": None}


async def test_a_sync_is_started_watched_and_checked(site: Site) -> None:
    """Mutation, subscription and query of the same run."""
    started = site.execute(START_SYNC)["syncInventory"]

    events = await _events(site, "/graphql/", ON_TASK_UPDATE, taskId=started["taskId"])
    checked = site.execute(CHECK_TASK, id=started["taskId"])["task"]

    assert started["status"] == "PENDING"
    end = {"status": "COMPLETED", "progress": 100.0, "progressMessage": "Complete"}
    assert events[-1]["taskProgress"] == end
    assert checked == {**end, "result": {"updated": 42}, "error": None}


def test_a_task_may_be_polled(site: Site) -> None:
    """Who has no websocket asks until the run has ended."""
    started = site.execute(START_SYNC)["syncInventory"]

    def check() -> Any:
        return site.execute(CHECK_TASK, id=started["taskId"])["task"]

    wait_until(lambda: check()["status"] == "COMPLETED", "the end of the run")


def test_an_unknown_task_is_null(site: Site) -> None:
    """A query for a run that is not there gives null, and no error."""
    assert site.execute(CHECK_TASK, id="no-such-run") == {"task": None}


async def test_a_report_is_started_and_watched(site: Site) -> None:
    """The same in the other words, with the id inside the document."""
    started = site.execute(GENERATE_REPORT)["generateReport"]

    events = await _events(site, "/graphql/", TASK_UPDATED.format(started["taskId"]))

    assert events[-1]["taskUpdated"] == REPORT


async def test_a_schema_in_snake_case_is_in_snake_case_throughout(site: Site) -> None:
    """Without Strawberry's camel case, tasks, fields and arguments are named as in Python."""
    started = site.execute(GENERATE_REPORT_SNAKE, path="/snake/")["generate_report"]

    events = await _events(site, "/snake/", TASK_UPDATED_SNAKE.format(started["task_id"]))
    checked = site.execute(CHECK_TASK_SNAKE, path="/snake/", id=started["task_id"])["task"]

    assert started["status"] == "PENDING"
    assert events[-1]["task_updated"] == REPORT
    assert checked == {**REPORT, "progress_message": "Rendered"}


@pytest.mark.parametrize("path", ["/graphql/", "/snake/"])
def test_the_run_shows_the_name_of_its_task(site: Site, path: str) -> None:
    """A task has one name, however a schema spells its fields."""
    document = GENERATE_REPORT if path == "/graphql/" else GENERATE_REPORT_SNAKE

    (started,) = site.execute(document.replace("status", "name"), path=path).values()

    assert started["name"] == "generateReport"


async def _events(site: Site, path: str, document: str, **variables: Any) -> list[dict[str, Any]]:
    async with graphql_socket(f"{site.websocket_url}{path}") as socket:
        operation = await socket.execute(document, **variables)
        return [event async for event in operation]
