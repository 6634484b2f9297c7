"""The log, commit safety, the outbox and the connections on PostgreSQL."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys

import pytest

from tests.programs import ROOT
from tests.requirements import require

SAME = (
    "test_log.py",
    "test_database_read_only.py",
    "test_commit.py",
    "test_outbox.py",
    "test_connections.py",
    "test_checks.py",
)


@pytest.mark.postgres
def test_what_holds_on_sqlite_holds_there() -> None:
    """The same tests pass."""
    url = os.environ.get("TEST_DATABASE_URL", "")
    require("PostgreSQL", bool(url), "TEST_DATABASE_URL is not set")
    database = f"{url.rpartition('/')[0]}/project_{secrets.token_hex(4)}"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(f"tests/django/{name}" for name in SAME),
    ]

    done = subprocess.run(
        command,
        env={**os.environ, "TEST_PROJECT_DATABASE_URL": database},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout
