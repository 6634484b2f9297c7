"""``strawberry-tasks`` in a Django project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.programs import ROOT, Program

APP = "strawberry_tasks.django"


class ProjectWorker(Program):
    """A worker of the project's tasks."""

    def is_ready(self) -> bool:
        """Tell whether it consumes messages."""
        return self.has_said("is ready for action")


def test_the_command_line_sets_django_up(redis_url: str, namespace: str, tmp_path: Path) -> None:
    """The project's own tasks are found by the package's name, with what the installed apps have declared."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.django.project.settings",
        "TEST_TASKS_URL": redis_url,
        "TEST_TASKS_NAMESPACE": namespace,
        "TEST_TASKS_OPTIONS": json.dumps({"TRACK_IN_DATABASE": False, "ROUTES": {"ad*": "sums"}}),
    }
    words = ["strawberry_tasks.cli", "worker", APP, "--processes", "1", "--threads", "1", "--queue", "sums"]
    with ProjectWorker(words, environment=environment, log=tmp_path / "worker.log"):
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "strawberry_tasks.cli",
                "enqueue",
                APP,
                "add",
                "-a",
                "left=1",
                "-a",
                "right=2",
                "-f",
            ],
            env={**os.environ, **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert (ended.returncode, ended.stdout) == (0, "3\n"), ended.stderr
