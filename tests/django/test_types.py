"""The log as types of strawberry_django: for whom, how it is searched, and what that costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
import strawberry_django
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from strawberry_django.optimizer import DjangoOptimizerExtension
from strawberry_django.pagination import OffsetPaginated
from strawberry_django.relay import DjangoCursorConnection, DjangoListConnection

from strawberry_tasks import OwnerPolicy
from strawberry_tasks.django import default_tasks
from strawberry_tasks.django.models import TaskExecution as Row
from strawberry_tasks.django.policy import DjangoPolicy, PermissionPolicy
from strawberry_tasks.django.types import TaskExecution, listed
from strawberry_tasks.schema.types import TaskHandle
from tests.django.project.tasks import Account, open_account

pytestmark = pytest.mark.django_db(transaction=True)


@strawberry.type
class Query:
    task_executions: list[TaskExecution] = strawberry_django.field()
    task_execution: TaskExecution | None = strawberry_django.field()
    cursors: DjangoCursorConnection[TaskExecution] = strawberry_django.connection()
    connection: DjangoListConnection[TaskExecution] = strawberry_django.connection()
    pages: OffsetPaginated[TaskExecution] = strawberry_django.offset_paginated()


schema = strawberry.Schema(Query, extensions=[DjangoOptimizerExtension])

PAGE = """query ($filters: TaskExecutionFilter, $ordering: [TaskExecutionOrder!]! = [{createdAt: ASC}]) {
  taskExecutions(filters: $filters, ordering: $ordering, pagination: {limit: 10}) {
    id taskId name status isTerminal progress attempt owner tags result error failure { code message exception traceback }
    createdAt completedAt retryOf version
  }
}"""


@pytest.fixture
def ann() -> User:
    """A user."""
    return User.objects.create_user("ann")


@pytest.fixture
def runs(ann: User) -> None:
    """Three of Ann's runs, and one of somebody else."""
    moment = datetime.now(UTC) - timedelta(hours=5)
    owner = str(ann.pk)
    for number, (name, status, whose) in enumerate(
        [("add", "COMPLETED", owner), ("fail", "FAILED", owner), ("add", "PENDING", owner), ("add", "FAILED", "999")]
    ):
        failure = {"failure_code": "ON_PURPOSE", "failure_message": "why", "failure_traceback": "secret"}
        _row(
            f"run-{number}",
            name=name,
            status=status,
            owner=whose,
            created_at=moment + timedelta(hours=number),
            **(failure if status == "FAILED" else {}),
        )


@pytest.fixture
def policy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives the project another policy."""
    return lambda policy: monkeypatch.setattr(default_tasks.registry, "policy", policy)


def context(user: Any) -> SimpleNamespace:
    """Return the context of a request of somebody."""
    return SimpleNamespace(request=SimpleNamespace(user=user, META={}))


def ids(user: Any, **variables: Any) -> list[str]:
    """Return which runs somebody gets."""
    answer = schema.execute_sync(PAGE, variable_values=variables, context_value=context(user))
    assert answer.errors is None
    assert answer.data is not None
    return [run["id"] for run in answer.data["taskExecutions"]]


@pytest.mark.usefixtures("runs")
def test_who_gets_which(ann: User) -> None:
    """One's own; staff everybody's; who is nobody, or was deactivated, none."""
    assert ids(ann) == ["run-0", "run-1", "run-2"]
    assert ids(User.objects.create_user("bob")) == []
    assert ids(User.objects.create_user("sam", is_staff=True)) == ["run-0", "run-1", "run-2", "run-3"]
    assert ids(AnonymousUser()) == []
    ann.is_active = False
    assert ids(ann) == []


@pytest.mark.usefixtures("runs")
def test_permissions_decide(ann: User, policy: Any) -> None:
    """With `PermissionPolicy` it takes the permission, and staff alone gives nothing."""
    policy(PermissionPolicy())
    sam = User.objects.create_user("sam", is_staff=True)
    root = User.objects.create_superuser("root")

    assert ids(sam) == []
    assert len(ids(root)) == 4
    assert len(ids(ann)) == 3


@pytest.mark.usefixtures("runs")
def test_search_and_order(ann: User) -> None:
    """By what a run is, how it stands, and when."""
    assert ids(ann, filters={"status": "FAILED"}) == ["run-1"]
    assert ids(ann, filters={"name": {"iContains": "AD"}}) == ["run-0", "run-2"]
    assert ids(ann, ordering=[{"createdAt": "DESC"}]) == ["run-2", "run-1", "run-0"]
    since = (datetime.now(UTC) - timedelta(hours=4, minutes=30)).isoformat()
    assert ids(ann, filters={"createdAt": {"gte": since}, "failureCode": {"exact": "ON_PURPOSE"}}) == ["run-1"]


@pytest.mark.usefixtures("runs")
def test_a_list_costs_one_query(ann: User) -> None:
    """However many runs there are, and whatever is asked of them, with the optimizer; no internals are read."""
    with CaptureQueriesContext(connection) as queries:
        answer = schema.execute_sync(PAGE, context_value=context(ann))

    assert answer.data is not None
    assert answer.data["taskExecutions"][1] | {"createdAt": None} == {
        "id": "run-1",
        "taskId": "run-1",
        "name": "fail",
        "status": "FAILED",
        "isTerminal": True,
        "progress": 0,
        "attempt": 0,
        "owner": str(ann.pk),
        "tags": ["red", "green"],
        "result": None,
        "error": "why",
        "failure": {"code": "ON_PURPOSE", "message": "why", "exception": None, "traceback": None},
        "createdAt": None,
        "completedAt": None,
        "retryOf": None,
        "version": 0,
    }
    (query,) = queries.captured_queries
    assert "traceback" not in query["sql"]


@pytest.mark.usefixtures("runs")
async def test_it_is_the_same_in_async_code(ann: User) -> None:
    """On an event loop the database is asked in a thread."""
    answer = await schema.execute(PAGE, context_value=context(ann))

    assert answer.errors is None
    assert answer.data is not None
    assert len(answer.data["taskExecutions"]) == 3


def test_its_fields_are_those_of_a_run() -> None:
    """Under the same names as a handle has them, so that a client can show either in the same way."""
    handle, row = (
        {field.python_name for field in kind.__strawberry_definition__.fields} for kind in (TaskHandle, TaskExecution)
    )

    assert handle <= row


def test_results_are_without_what_their_types_hide(ann: User) -> None:
    """As `task` shows them; of a task that nobody knows any more, nobody knows what it hides."""
    account = Account(name="a", secret="sesame")
    for number, name in enumerate(["openAccount", "closeAccount"]):
        _row(
            f"run-{number}",
            name=name,
            owner=str(ann.pk),
            status="COMPLETED",
            result=open_account.declaration.result.dump(account),
        )

    answer = schema.execute_sync(PAGE, context_value=context(ann))

    assert answer.data is not None
    assert [run["result"] for run in answer.data["taskExecutions"]] == [{"name": "a"}, None]


@pytest.mark.usefixtures("runs")
def test_one_run(ann: User) -> None:
    """By its id; it is there for whoever may list it alone."""
    document = "query ($id: ID!) { taskExecution(pk: $id) { id } }"

    def found(run_id: str) -> object:
        return schema.execute_sync(document, {"id": run_id}, context_value=context(ann)).data

    assert found("run-1") == {"taskExecution": {"id": "run-1"}}
    assert found("run-3") == {"taskExecution": None}


CONNECTIONS = """{
  connection(first: 2) { totalCount edges { node { id } } pageInfo { hasNextPage } }
  cursors(first: 1) { edges { node { id } } pageInfo { hasNextPage } }
  pages(pagination: {limit: 1}, ordering: [{createdAt: DESC}]) { totalCount results { id } }
}"""


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("on_loop", [False, True], ids=["sync", "async"])
def test_connections(ann: User, on_loop: bool) -> None:
    """Relay's connections and pages by offset count and show the same runs."""
    execute = async_to_sync(schema.execute) if on_loop else schema.execute_sync

    answer = execute(CONNECTIONS, context_value=context(ann))

    assert answer.errors is None
    assert answer.data == {
        "connection": {
            "totalCount": 3,
            "edges": [{"node": {"id": "run-2"}}, {"node": {"id": "run-1"}}],
            "pageInfo": {"hasNextPage": True},
        },
        "cursors": {"edges": [{"node": {"id": "run-2"}}], "pageInfo": {"hasNextPage": True}},
        "pages": {"totalCount": 3, "results": [{"id": "run-2"}]},
    }


class OddPolicy(DjangoPolicy):
    """Tells of runs what it does not tell of rows."""

    def may_see(self, viewer: Any, run: Any) -> bool:
        """See one's own alone, staff or not."""
        return bool(run.owner == viewer.id)


class EvenPolicy(OddPolicy):
    """Tells both."""

    def listed_rows(self, viewer: Any, rows: Any) -> Any:
        """Say the same of rows."""
        return rows.filter(owner=viewer.id)


@pytest.mark.usefixtures("runs")
def test_a_policy_that_could_leak_is_refused(ann: User, policy: Any) -> None:
    """Where a policy decides by run, it has to say the same of rows."""
    ann.is_staff = True
    policy(EvenPolicy())
    assert len(ids(ann)) == 3

    policy(OddPolicy())
    with pytest.raises(ImproperlyConfigured, match="override listed_rows"):
        listed(Row.objects.all(), context(ann))
    policy(OwnerPolicy())
    with pytest.raises(ImproperlyConfigured, match="expected a DjangoPolicy"):
        listed(Row.objects.all(), context(ann))


def _row(run_id: str, **facts: Any) -> None:
    Row.objects.create(
        **{"id": run_id, "queue": "default", "tags": ["red", "green"], "created_at": datetime.now(UTC), **facts}
    )
