"""``manage.py tasks_worker`` and ``tasks_scheduler``, as processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.processes import wait_until
from tests.programs import PYTHON_PATH, Program

MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
SETTINGS = """
import os
SECRET_KEY = "of a test"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "strawberry_tasks.django", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
STRAWBERRY_TASKS = {"URL": os.environ["TASKS_URL"], "NAMESPACE": os.environ["TASKS_NAMESPACE"], "TRACK_IN_DATABASE": False}
"""
TASKS = """
import time
from pathlib import Path
from strawberry_tasks.django import periodic_task, task

def note(word: str) -> None:
    with Path("journal").open("a") as journal:
        journal.write(f"{word} VERSION\\n")

@task(queue="words")
def write(word: str) -> None:
    note(word)

@task(queue="words")
def linger() -> None:
    note("begun")
    while not Path("gate").exists():
        time.sleep(0.01)
    note("done")

@periodic_task(every=1)
def tick() -> None:
    note("tick")
"""


class Managed(Program):
    """A command of a project's ``manage.py`` that goes on until it is told to end."""

    def __init__(self, project: Project, *words: str, ready: str) -> None:
        super().__init__(
            ["shop.manage", *words], environment=project.environment, log=project.directory / f"{words[0]}.log"
        )
        self._ready = ready

    def is_ready(self) -> bool:
        """Tell whether it has said so."""
        return self.has_said(self._ready)


class Project:
    """A project in a directory of its own."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.environment = environment
        (directory / "shop").mkdir()
        (directory / "shop/__init__.py").touch()
        (directory / "settings.py").write_text(SETTINGS)
        (directory / "manage.py").write_text(MANAGE)
        (directory / "shop/manage.py").write_text(f"import os\nos.chdir({str(directory)!r})\n{MANAGE}")
        self.write_tasks(1)

    def write_tasks(self, version: int) -> None:
        """Write the tasks anew."""
        (self.directory / "shop/tasks.py").write_text(TASKS.replace("VERSION", str(version)))

    @property
    def journal(self) -> list[str]:
        """What its tasks have written."""
        path = self.directory / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return self.run("manage.py", *words)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run Python to its end."""
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.directory,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def enqueue(self, task: str, *arguments: str) -> None:
        """Enqueue one of the tasks."""
        code = f"from shop import tasks; tasks.{task}.enqueue(*{arguments!r})"
        assert self.manage("shell", "-c", code).returncode == 0


@pytest.fixture
def project(tmp_path: Path, redis_url: str, namespace: str) -> Project:
    """A project."""
    environment = {
        "TASKS_URL": redis_url,
        "TASKS_NAMESPACE": namespace,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{PYTHON_PATH}",
        "DJANGO_SETTINGS_MODULE": "settings",
        # Bytecode is taken for that of a file of the same size that was written in the same second.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Project(tmp_path, environment)


def test_a_worker_performs_what_the_apps_declare(project: Project) -> None:
    """The tasks of the apps are found; the worker ends in good order, and says why it cannot begin."""
    words = ("tasks_worker", "--processes", "1", "--threads", "2", "--queues", "words", "default:2")
    with Managed(project, *words, ready="is ready for action") as worker:
        project.enqueue("write", "hello")
        wait_until(lambda: project.journal == ["hello 1"], "the word")

        shown = project.manage("tasks_inspect")
        worker.send_signal(signal.SIGTERM)
        wait_until(worker.has_ended, "the end of the worker")

    assert "words" in shown.stdout
    refused = project.manage("tasks_worker", "--queue", "word")
    assert refused.returncode == 2
    assert "CommandError: --queue: expected one of default, words, got 'word'. Did you mean 'words'?" in refused.stderr


def test_sigterm_lets_running_tasks_end(project: Project) -> None:
    """The run that is performed is finished before the worker ends."""
    with Managed(project, "tasks_worker", "-p", "1", "-t", "2", ready="is ready for action") as worker:
        project.enqueue("linger")
        wait_until(lambda: project.journal == ["begun 1"], "its beginning")

        worker.send_signal(signal.SIGTERM)
        wait_until(lambda: "Stopping worker process" in worker.said, "the worker is told")
        (project.directory / "gate").touch()
        wait_until(worker.has_ended, "the end of the worker")

    assert project.journal == ["begun 1", "done 1"]


def test_it_starts_anew_when_code_changes(project: Project) -> None:
    """With --reload, a worker performs the tasks as they are written now."""
    words = ("tasks_worker", "--processes", "1", "--threads", "1", "--reload")
    with Managed(project, *words, ready="is ready for action") as worker:
        starts = worker.said.count("is ready for action")
        project.write_tasks(2)
        wait_until(lambda: worker.said.count("is ready for action") > starts, "the new start")
        project.enqueue("write", "hello")

        wait_until(lambda: project.journal == ["hello 2"], "the word by the new code")


def test_a_scheduler_fires(project: Project) -> None:
    """Periodic tasks of the apps are started, and performed by a worker."""
    with (
        Managed(project, "tasks_scheduler", ready="Scheduling") as scheduler,
        Managed(project, "tasks_worker", "--processes", "1", "--threads", "1", ready="is ready for action"),
    ):
        wait_until(lambda: "tick 1" in project.journal, "a tick")
        scheduler.send_signal(signal.SIGTERM)
        wait_until(scheduler.has_ended, "the end of the scheduler")


def test_help_tells_the_defaults(project: Project) -> None:
    """As the command line's own does."""
    said = " ".join(project.manage("tasks_worker", "--help").stdout.split())

    assert "How many sync runs each performs at a time. Default: 8." in said
    assert "Default: 600." in said


def test_the_app_needs_no_strawberry_django(project: Project) -> None:
    """It is for those who use the types of the table alone."""
    code = "import django, sys; django.setup(); print('strawberry_django' in sys.modules, 'click' in sys.modules)"

    assert project.run("-c", code).stdout == "False False\n"


def test_a_package_is_missing(project: Project) -> None:
    """What the command line needs comes with the extra; without it, it is said what to install."""
    code = f"import sys; sys.modules['click'] = None; sys.argv = ['manage.py', 'tasks_worker']\n{MANAGE}"

    ended = project.run("-c", code)

    assert ended.returncode == 2
    assert "error: this command needs the package 'click'. Run: pip install 'strawberry-tasks[cli]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_redis_is_away(project: Project) -> None:
    """The worker waits for it as long as it is told, then says so."""
    project.environment = {**project.environment, "TASKS_URL": "redis://127.0.0.1:1/0"}

    ended = project.manage("tasks_worker", "--wait", "0.2")

    assert ended.returncode == 3
    assert "127.0.0.1:1" in ended.stderr
    assert "Traceback" not in ended.stderr
