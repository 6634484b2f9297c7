"""Workers and commands as processes, and the tasks that both know."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from strawberry_tasks.cli.commands import commands
from tests.apps.scenarios import Gate
from tests.apps.settings import Settings
from tests.programs import ROOT, Program

APP = "tests.apps.commanded"

Run = Callable[..., subprocess.CompletedProcess[str]]
MakeWorker = Callable[..., Program]
Invoke = Callable[..., Result]


class CommandedWorker(Program):
    """``strawberry-tasks worker`` with one process."""

    def __init__(self, *words: str, settings: Settings, log: Path) -> None:
        command = ["strawberry_tasks.cli", "worker", APP, "--processes", "1", *words]
        super().__init__(command, environment=settings.environment, log=log)

    def is_ready(self) -> bool:
        """Tell whether it consumes messages."""
        return self.has_said("is ready for action")


@pytest.fixture
def settings(redis_url: str, namespace: str, tmp_path: Path) -> Settings:
    """Where everything is."""
    return Settings(url=redis_url, namespace=namespace, uploads=tmp_path / "uploads", lease=timedelta(seconds=2))


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The tasks of the app, in this process."""
    for name, value in settings.environment.items():
        monkeypatch.setenv(name, value)
    sys.modules.pop(APP, None)
    module = __import__(APP, fromlist=["tasks"])
    yield module
    module.tasks.close()
    del sys.modules[APP]


@pytest.fixture
def make_worker(settings: Settings, tmp_path: Path) -> MakeWorker:
    """Make workers of the app."""

    def make(*words: str) -> Program:
        return CommandedWorker(*words, settings=settings, log=tmp_path / "worker.log")

    return make


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run a command to its end."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "strawberry_tasks.cli", *words],
            env={**os.environ, **settings.environment, **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """What some tasks wait for; opened in the end."""
    gate = Gate(str(tmp_path / "gate"))
    yield gate
    gate.open()


@pytest.fixture
def invoke(app: ModuleType) -> Invoke:
    """Run a command in this process, which knows the app."""

    def invoke(*words: str) -> Result:
        command, *rest = words
        nested = [command, rest.pop(0)] if command in {"dead", "unreadable"} else [command]
        return CliRunner().invoke(commands, [*nested, APP, *rest], catch_exceptions=False)

    return invoke
