"""Clients cancel and retry what they may, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import strawberry

from strawberry_tasks import OwnerPolicy, Schema, TaskMutation, TaskQuery, Tasks, UntypedTaskHandle, Viewer
from strawberry_tasks.errors import ConfigurationError
from strawberry_tasks.snapshot import Snapshot
from tests.apps.controlled import Controlled, work_mark
from tests.apps.scenarios import Gate
from tests.apps.settings import Settings, User
from tests.processes import wait_until

HOUR = timedelta(hours=1)

CANCEL = "mutation ($id: ID!) { cancelTask(taskId: $id) { id status isTerminal cancelRequested version } }"
RETRY = "mutation ($id: ID!) { retryTask(taskId: $id) { id status retryOf ... on FailTaskHandle { output } } }"

ANN, BOB, STAFF = User("ann"), User("bob"), User("eve", is_staff=True)


@pytest.fixture
def schema(local: Controlled) -> Schema:
    """A schema with the tasks, over threads of this process."""
    return Schema(extensions=[local.tasks.extension])


def execute(schema: Schema, document: str, run_id: str, user: User | None = ANN) -> tuple[dict[str, Any], list[str]]:
    """Execute a mutation on a run; return its field and the codes of its errors."""
    answer = schema.execute_sync(document, {"id": run_id}, context_value={"user": user})
    codes = [str((error.extensions or {}).get("code")) for error in answer.errors or []]
    return next(iter((answer.data or {"": {}}).values())) or {}, codes


def delayed(controlled: Controlled, gate: Gate, owner: str | None = "ann") -> str:
    """Start a run that waits; return its id."""
    return controlled.stubborn.using(delay=HOUR, viewer=Viewer(id=owner)).enqueue(gate=gate.path).id


def failed(controlled: Controlled, owner: str | None = "ann") -> str:
    """Start a run that fails; return its id when it has."""
    handle = controlled.fail.using(viewer=Viewer(id=owner)).enqueue(text="luck")
    wait_until(lambda: handle.refresh().is_terminal, "the run fails")
    return handle.id


def listed(controlled: Controlled) -> list[Snapshot]:
    """Return all runs."""
    return list(controlled.tasks.runtime().store.list(owner=None, first=9).runs)


def test_a_waiting_run_is_canceled(schema: Schema, local: Controlled, gate: Gate) -> None:
    """The answer shows the end; a second call gives the same."""
    run_id = delayed(local, gate)

    first = execute(schema, CANCEL, run_id)
    second = execute(schema, CANCEL, run_id)

    expected = {"id": run_id, "status": "CANCELED", "isTerminal": True, "cancelRequested": True, "version": 2}
    assert first == second == (expected, [])


async def test_a_running_run_is_asked_to_stop(schema: Schema, local: Controlled, gate: Gate) -> None:
    """The answer shows the request; the run ends when its function notices. This works in async execution too."""
    handle = await local.idle.using(viewer=Viewer(id="ann")).aenqueue(gate=gate.path)
    wait_until(work_mark(gate).exists, "the function starts")

    answer = await schema.execute(CANCEL, {"id": handle.id}, context_value={"user": ANN})

    assert answer.errors is None
    assert answer.data is not None
    assert (answer.data["cancelTask"]["status"], answer.data["cancelTask"]["cancelRequested"]) == ("RUNNING", True)
    wait_until(lambda: handle.refresh().status == "CANCELED", "the run ends")


def test_a_failed_run_is_retried(schema: Schema, local: Controlled) -> None:
    """The answer is the new run, with the type of its task."""
    run_id = failed(local)

    handle, codes = execute(schema, RETRY, run_id)

    assert codes == []
    assert handle == {"id": handle["id"], "status": "PENDING", "retryOf": run_id, "output": None}
    assert handle["id"] != run_id


def test_a_waiting_run_is_not_retried(schema: Schema, local: Controlled, gate: Gate) -> None:
    """The client learns that by a code."""
    assert execute(schema, RETRY, delayed(local, gate))[1] == ["TASK_NOT_RETRYABLE"]


@pytest.mark.parametrize("document", [CANCEL, RETRY])
def test_what_is_not_there_is_not_found(schema: Schema, document: str) -> None:
    """An id that nobody knows."""
    assert execute(schema, document, "nobody")[1] == ["TASK_NOT_FOUND"]


@pytest.mark.parametrize(
    ("whose", "may"),
    [
        (("ann", ANN), True),
        (("ann", BOB), False),
        (("ann", None), False),
        (("ann", STAFF), True),
        ((None, ANN), True),
        ((None, None), True),
        ((None, STAFF), True),
    ],
)
def test_the_owner_and_staff_may(
    schema: Schema, local: Controlled, gate: Gate, whose: tuple[str | None, User | None], may: bool
) -> None:
    """Somebody else's run does not exist, and stays as it is; what nobody owns is open to whoever knows its id."""
    owner, user = whose
    run_id = delayed(local, gate, owner)
    before = listed(local)

    canceled = execute(schema, CANCEL, run_id, user)[1]
    local.tasks.handle(run_id).cancel()
    retried = execute(schema, RETRY, run_id, user)[1]

    assert canceled == retried == ([] if may else ["TASK_NOT_FOUND"])
    assert len(listed(local)) == (len(before) + 1 if may else len(before))


class LookOnly(OwnerPolicy):
    """Lets nobody but staff control a run."""

    def may_control(self, viewer: Viewer, run: Snapshot) -> bool:
        """Staff alone."""
        return viewer.is_staff


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Controlled]:
    """The tasks under a policy that lets owners look only."""
    settings = Settings(url="memory://", namespace="test", uploads=tmp_path / "uploads")
    tasks = Tasks(settings.url, policy=LookOnly())
    yield Controlled(tasks)
    tasks.close()


@pytest.mark.parametrize("document", [CANCEL, RETRY])
def test_a_policy_may_forbid_control(guarded: Controlled, document: str) -> None:
    """Who may look need not be allowed to touch."""
    schema = Schema(extensions=[guarded.tasks.extension])
    run_id = failed(guarded)

    assert execute(schema, document, run_id, ANN)[1] == ["TASK_NOT_FOUND"]
    assert execute(schema, document, run_id, STAFF)[1] == []


def test_the_fields_can_be_renamed_and_left_out() -> None:
    """As the others that the extension brings."""
    tasks = Tasks("memory://", fields={"cancelTask": "stop", "retryTask": None})

    schema = Schema(extensions=[tasks.extension]).as_str()

    assert "stop(" in schema
    assert "cancelTask" not in schema
    assert "retryTask" not in schema


def test_the_fields_come_as_bases_of_a_plain_schema(local: Controlled, gate: Gate) -> None:
    """`TaskMutation` brings them without `Schema`, and `Schema` does not bring them twice."""

    @strawberry.type
    class Mutation(TaskMutation):
        fail = local.fail.mutation_field()

    plain = strawberry.Schema(TaskQuery, Mutation, types=[UntypedTaskHandle], extensions=[local.tasks.extension])
    ours = Schema(TaskQuery, Mutation, extensions=[local.tasks.extension])

    for schema in (plain, ours):
        answer = schema.execute_sync(CANCEL, {"id": delayed(local, gate)}, context_value={"user": ANN})
        assert answer.errors is None
    assert "stubborn(" in ours.as_str()
    assert "stubborn(" not in plain.as_str()


def test_a_field_of_the_users_own_is_not_overwritten(local: Controlled) -> None:
    """A name that is taken is refused at start, with a hint."""

    @strawberry.type
    class Mutation:
        cancel_task: str = "mine"

    with pytest.raises(ConfigurationError, match="cancelTask"):
        Schema(mutation=Mutation, extensions=[local.tasks.extension])
