"""A watched command ends with whoever started it."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from strawberry_tasks.contrib.embedded import end_watched, start_watched
from tests.patience import SECONDS
from tests.processes import is_alive, wait_until

SLEEPER = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPER
# Two generations, neither of which ends when it is asked to.
FAMILY = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}, sys.argv[2]]);" + STUBBORN
STARTER = """
import sys, time
from strawberry_tasks.contrib.embedded import start_watched
start_watched(sys.argv[1:])
time.sleep(600)
"""


def test_the_command_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """Ending the watchdog ends the command, and tells how it ended."""
    process = start_watched([sys.executable, "-c", SLEEPER, str(tmp_path / "pid")])
    child = _pid_in(tmp_path / "pid")

    end_watched(process)
    code = process.wait(SECONDS)

    assert code == 128 + signal.SIGTERM
    assert not is_alive(child)


def test_a_terminated_watchdog_takes_the_command_along(tmp_path: Path) -> None:
    """A termination signal to the watchdog is passed on."""
    process = start_watched([sys.executable, "-c", SLEEPER, str(tmp_path / "pid")])
    child = _pid_in(tmp_path / "pid")

    process.terminate()
    process.wait(SECONDS)
    end_watched(process)

    assert not is_alive(child)


def test_the_command_ends_with_a_killed_parent(tmp_path: Path) -> None:
    """A parent that is killed, and so can tell nobody, leaves no command behind."""
    command = [sys.executable, "-c", SLEEPER, str(tmp_path / "pid")]
    parent = subprocess.Popen([sys.executable, "-c", STARTER, *command])
    child = _pid_in(tmp_path / "pid")

    parent.kill()
    parent.wait(SECONDS)

    wait_until(lambda: not is_alive(child), "the command's end")


def test_what_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    """A command that ignores the request is killed after the grace period, and so is what it started."""
    pids = [tmp_path / "parent", tmp_path / "child"]
    process = start_watched([sys.executable, "-c", FAMILY, *map(str, pids)], grace=timedelta(milliseconds=100))
    parent, child = _pid_in(pids[0]), _pid_in(pids[1])

    end_watched(process)
    code = process.wait(SECONDS)

    assert code == 128 + signal.SIGKILL
    assert not is_alive(parent)
    wait_until(lambda: not is_alive(child), "the grandchild's end")


def test_the_exit_code_is_the_commands(tmp_path: Path) -> None:
    """The watchdog ends when the command does, with its exit code."""
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = start_watched([sys.executable, "-c", "print('bye'); raise SystemExit(3)"], output=output)

    code = process.wait(SECONDS)
    end_watched(process)

    assert code == 3
    assert log.read_text() == "bye\n"


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """The watchdog says which program it could not start."""
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = start_watched([tmp_path / "no-such-program"], output=output)

    code = process.wait(SECONDS)
    end_watched(process)

    assert code == 127
    assert "no-such-program" in log.read_text()


def _pid_in(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text(), "the command's start")
    return int(path.read_text())
