"""What may carry runs, and what is refused before any starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from strawberry_tasks import Tasks
from strawberry_tasks.django.carrier import FrameworkBackend, FrameworkCarrier
from strawberry_tasks.django.conf import DjangoSettings
from strawberry_tasks.django.framework import BaseTaskBackend
from strawberry_tasks.errors import ConfigurationError, TaskInputError
from tests.django.sites import running_project
from tests.programs import PYTHON_PATH, ROOT


class Plain(BaseTaskBackend):
    """A backend that can do nothing but what all can."""

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        """Take a message."""
        raise NotImplementedError


def plain() -> FrameworkBackend:
    """Return our backend over it."""
    carrier = Plain("plain", {"QUEUES": ["default", "reports"]})
    return FrameworkBackend(carrier, upkeep=None, is_inline=False)  # type: ignore[arg-type]


def work(**options: Any) -> Any:
    """Return a task with these options."""
    return SimpleNamespace(name="report", options=SimpleNamespace(**{"queue": "default", "priority": 0, **options}))


def run(**facts: Any) -> Any:
    """Return a run to be started."""
    return SimpleNamespace(id="1", **{"queue": "default", "priority": 0, "delay": None, **facts})


@pytest.mark.parametrize(
    ("alias", "words"), [("default", "runs themselves"), ("nobody", "expected the alias of a backend in TASKS")]
)
def test_an_alias_that_cannot_carry_is_refused(alias: str, words: str) -> None:
    """Our own backend, which would hand the runs back, and one that is not there."""
    with pytest.raises(ConfigurationError, match=words):
        FrameworkCarrier(alias)


def test_only_a_project_has_such_a_backend() -> None:
    """Its workers would not find tasks that were declared elsewhere."""
    with pytest.raises(ConfigurationError, match="expected STRAWBERRY_TASKS to name"):
        Tasks("redis://127.0.0.1:1/0", backend="django.tasks", broker="default")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"queue": "urgent"}, "out of default, reports, got 'urgent'"), ({"priority": 1}, "expected no priority")],
)
def test_a_task_that_cannot_be_carried_is_refused(options: dict[str, Any], words: str) -> None:
    """At its declaration; what `using` asks for, when it is enqueued."""
    with pytest.raises(ConfigurationError, match=words):
        plain().register(work(**options))
    with pytest.raises(TaskInputError, match=words):
        plain().start(work(), [run(**options)], store=None)  # type: ignore[arg-type]


def test_a_delay_is_refused_where_nothing_can_be_put_off() -> None:
    """Before anything is recorded."""
    with pytest.raises(TaskInputError, match=r"expected no delay, since TASKS\['plain'\] does not support it"):
        plain().start(work(), [run(delay=1)], store=None)  # type: ignore[arg-type]


def test_the_broker_is_an_alias_and_no_url() -> None:
    """The checks ask the server of the state alone."""
    settings = DjangoSettings(url="redis://a", backend="django.tasks", broker="background")

    assert settings.tasks_alias == "background"
    assert settings.redis_urls == {"redis://a"}
    assert DjangoSettings(backend="django.tasks").tasks_alias == "default"
    assert DjangoSettings(url="redis://a", broker="redis://b").tasks_alias is None


@pytest.mark.parametrize(("alias", "words"), [("database", "got memory://"), ("ours", "runs themselves")])
def test_a_project_that_cannot_work_does_not_start(alias: str, words: str) -> None:
    """It says which setting, and what to do."""
    if alias == "database":
        pytest.importorskip("django_tasks_db", reason="needs the dependency group `adapters`")
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.django.carried.settings",
        "TEST_TASKS_OPTIONS": json.dumps({"BACKEND": "django.tasks", "BROKER": alias}),
    }
    process = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        env={**os.environ, "PYTHONPATH": PYTHON_PATH, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.returncode != 0
    assert words in process.stderr


def test_a_run_is_performed_inline(tmp_path: Path) -> None:
    """By Django's immediate backend: with all its attempts, before the mutation returns."""
    options = {"BACKEND": "django.tasks"}
    with running_project(tmp_path, settings="tests.django.carried.settings", options=options) as site:
        document = """mutation {
            add(left: 2, right: 40) { status result }
            later: flakyLater(failures: 1) { status attempt }
            again: flaky(failures: 9) { status attempt failure { code } }
        }"""
        data = site.backstage.execute(document)["data"]

    assert data["add"]["status"] == "COMPLETED"
    assert data["add"]["result"]["value"] == 42
    assert data["later"] == {"status": "COMPLETED", "attempt": 2}
    assert data["again"] == {"status": "FAILED", "attempt": 3, "failure": {"code": "TASK_ERROR"}}
