"""The demo's processes live and die together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sample_app.demo.supervisor import ChildEndedError, NotReadyError, Supervisor
from tests.processes import free_port, listens, wait_until

SERVER = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"
LAUNCHER = """
import os, sys
from pathlib import Path
from sample_app.demo.supervisor import StopRequested, Supervisor
supervisor = Supervisor(
    logs=Path(sys.argv[1]), environment=os.environ, directory=Path.cwd(), end_with_parent="--end-with-parent" in sys.argv
)
supervisor.listen_to_signals()
try:
    for port in sys.argv[2:4]:
        supervisor.start(f"server {port}", [sys.executable, "-c", os.environ["SERVER"], port])
    supervisor.watch()
except StopRequested:
    print("stopping")
finally:
    supervisor.stop()
"""
SHELL = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor whose processes end with the test."""
    supervisor = Supervisor(logs=tmp_path, environment=os.environ, directory=tmp_path)
    yield supervisor
    supervisor.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_stops_everything(tmp_path: Path, number: signal.Signals) -> None:
    """On a signal all processes are gone when the launcher is."""
    ports = [free_port(), free_port()]
    launcher = _launch([sys.executable, "-c", LAUNCHER], tmp_path, ports)

    launcher.send_signal(number)
    said, _ = launcher.communicate(timeout=10)

    assert launcher.returncode == 0
    assert said == b"stopping\n"
    assert not any(map(listens, ports))


def test_a_killed_launcher_leaves_nothing(tmp_path: Path) -> None:
    """When the launcher is killed, its processes end by themselves."""
    ports = [free_port(), free_port()]
    launcher = _launch([sys.executable, "-c", LAUNCHER], tmp_path, ports)

    launcher.kill()
    launcher.communicate(timeout=10)

    wait_until(lambda: not any(map(listens, ports)), "the end of the processes")


def test_the_end_of_the_parent_stops_everything(tmp_path: Path) -> None:
    """When asked to, the launcher ends with the process that started it, e.g. a killed ``make``."""
    ports = [free_port(), free_port()]
    shell = _launch([sys.executable, "-c", SHELL, "-c", LAUNCHER], tmp_path, ports, "--end-with-parent")

    shell.kill()
    shell.communicate(timeout=10)

    wait_until(lambda: not any(map(listens, ports)), "the end of the processes")


def test_a_process_that_ends_is_named(supervisor: Supervisor) -> None:
    """When one process ends, the error names it and has its last lines."""
    supervisor.start("patient one", [sys.executable, "-c", SERVER, str(free_port())])
    supervisor.start("hasty one", [sys.executable, "-c", "print('I am off'); raise SystemExit(7)"])

    with pytest.raises(ChildEndedError, match=r"(?s)The hasty one ended with exit code 7\..*I am off"):
        supervisor.watch()


def test_a_step_that_fails_is_named(supervisor: Supervisor) -> None:
    """A step that has to succeed before the rest starts reports its failure."""
    with pytest.raises(ChildEndedError, match=r"(?s)The first step ended with exit code 1\..*no such table"):
        supervisor.run("first step", [sys.executable, "-c", "raise SystemExit('no such table')"], timedelta(seconds=10))


def test_what_takes_too_long_is_named(supervisor: Supervisor) -> None:
    """A condition that does not come true in time is an error that says which."""
    with pytest.raises(NotReadyError, match=r"The page to answer: not within 0\.1 seconds"):
        supervisor.wait_until(lambda: False, "The page to answer", timedelta(milliseconds=100))


def _launch(command: list[str], logs: Path, ports: list[int], *options: str) -> subprocess.Popen[bytes]:
    launcher = subprocess.Popen(
        [*command, str(logs), *map(str, ports), *options],
        stdout=subprocess.PIPE,
        env={**os.environ, "SERVER": SERVER},
        cwd=Path(__file__).parents[2],
    )
    wait_until(lambda: all(map(listens, ports)), "the start of the processes")
    return launcher
