"""`make demo` starts the sample application, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import SECONDS
from tests.processes import descendants, free_port, is_alive, listens, wait_until
from tests.programs import PYTHON_PATH, ROOT
from tests.shops import fill_database

START_SECONDS = 180


class Demo:
    """A running demo, seen from outside."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._log = directory / "demo.log"
        # Its own database and files, so that it neither sees nor leaves data; its own process group, as in a terminal.
        environment = {
            **os.environ,
            "PYTHONPATH": PYTHON_PATH,
            "PORT": str(self.port),
            "REDIS_URL": "",
            "DATABASE_URL": "",
            "SAMPLE_APP_VAR": str(directory),
        }
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sample_app.demo"],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """All that it has printed so far."""
        return self._log.read_text()

    @property
    def redis_port(self) -> int:
        """Where the Redis listens that it started."""
        match = re.search(r"redis://127\.0\.0\.1:(\d+)", self.said)
        assert match is not None, self.said
        return int(match[1])

    def wait_until_running(self) -> None:
        """Return once it says where to look."""
        __tracebackhide__ = True
        wait_until(lambda: "Ctrl-C stops" in self.said or self.process.poll() is not None, "the start", START_SECONDS)
        assert self.process.poll() is None, self.said


@pytest.fixture
def demo(tmp_path: Path, run_directory: Path) -> Iterator[Demo]:
    """A demo that runs; it is ended with the test, however the test ends. Its database is there, which is quicker."""
    fill_database(tmp_path, run_directory)
    demo = Demo(tmp_path)
    try:
        demo.wait_until_running()
        yield demo
    finally:
        demo.process.terminate()
        try:
            demo.process.wait(SECONDS)
        finally:
            demo.process.kill()


def test_the_page_and_graphql_answer(demo: Demo) -> None:
    """Where the demo says to look, there is something to see."""
    base = f"http://127.0.0.1:{demo.port}"

    with urllib.request.urlopen(f"{base}/", timeout=10) as page:
        page_type = page.headers.get_content_type()
    request = urllib.request.Request(f"{base}/graphql", headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=10) as graphiql:
        graphiql_type = graphiql.headers.get_content_type()

    assert f"{base}/\n" in demo.said
    assert page_type == "text/html"
    assert graphiql_type == "text/html"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_stays_behind(demo: Demo, number: signal.Signals) -> None:
    """Ctrl-C, a termination and a kill all end every process and free every port."""
    processes, ports = descendants(demo.process.pid), [demo.port, demo.redis_port]
    listened = [listens(port) for port in ports]

    demo.process.send_signal(number)
    code = demo.process.wait(SECONDS)

    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert len(processes) >= 3
    assert listened == [True, True]
    wait_until(lambda: not any(map(is_alive, processes)), "the end of all processes")
    assert not any(map(listens, ports))


def test_a_part_that_dies_is_named(demo: Demo) -> None:
    """When the web server dies, the demo says so, ends the rest and fails."""
    processes = descendants(demo.process.pid)
    web_server = next(pid for pid, command in processes.items() if "uvicorn" in command and "watchdog" not in command)

    os.kill(web_server, signal.SIGKILL)
    code = demo.process.wait(SECONDS)

    assert code == 1
    assert "The web server ended with exit code 137" in demo.said
    wait_until(lambda: not any(map(is_alive, processes)), "the end of all processes")


def test_a_taken_port_is_explained() -> None:
    """A port that is in use ends the demo at once, with a hint how to choose another one."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        finished = _run_demo(PORT=str(port))

    assert finished.returncode == 1
    assert f"Port {port} cannot be used" in finished.stderr
    assert "make demo PORT=" in finished.stderr


def test_a_port_that_is_none_is_explained() -> None:
    """A ``PORT`` that is no number is refused with what was expected."""
    finished = _run_demo(PORT="http")

    assert finished.returncode == 1
    assert "PORT=http: expected a number from 1 to 65535" in finished.stderr


def test_a_redis_that_does_not_answer_is_explained() -> None:
    """A ``REDIS_URL`` where nobody answers is refused by its name."""
    url = f"redis://127.0.0.1:{free_port()}/0"

    finished = _run_demo(PORT=str(free_port()), REDIS_URL=url)

    assert finished.returncode == 1
    assert f"REDIS_URL={url} cannot be used" in finished.stderr


def _run_demo(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sample_app.demo"],
        env={**os.environ, "REDIS_URL": "", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
