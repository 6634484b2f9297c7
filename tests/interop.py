"""Node.js with the programs of others that ours have to get along with."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

from tests.requirements import require

CLIENTS = Path(__file__).parent / "e2e/interop"
"""Where the programs are."""


def installed_node() -> str:
    """Return Node.js, with the packages installed as the lock file says."""
    program, npm = shutil.which("node"), shutil.which("npm")
    require("Node.js and npm", bool(program and npm), "looked for node and npm on the PATH")
    assert program is not None
    assert npm is not None
    installed, locked = CLIENTS / "node_modules/.package-lock.json", CLIENTS / "package-lock.json"
    with locked.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Several processes of one test run may need it.
        if not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime:
            done = subprocess.run(
                [npm, "ci", "--prefer-offline"], check=False, cwd=CLIENTS, capture_output=True, text=True
            )
            require("the npm packages", done.returncode == 0, f"npm ci failed: {done.stderr[-500:]}")
    return program
