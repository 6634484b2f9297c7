"""Keep a few named processes running together: when one ends, or a signal comes, all end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType

from strawberry_tasks.contrib.embedded import end_watched, start_watched

__all__ = ["ChildEndedError", "NotReadyError", "StopRequested", "Supervisor"]

_POLL_SECONDS = 0.05
_LAST_LINES = 20
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(Exception):  # noqa: N818 - no error: somebody wants it to end
    """A signal came, or the parent process ended."""


class ChildEndedError(Exception):
    """A process ended that should have gone on, or failed; the message has its last lines."""

    def __init__(self, name: str, code: int, last_lines: str) -> None:
        super().__init__(f"The {name} ended with exit code {code}. Its last lines:\n\n{last_lines}")


class NotReadyError(Exception):
    """Something was not ready in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        code = self.process.poll()
        if code is not None:
            raise ChildEndedError(self.name, code, self.last_lines())

    def last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-_LAST_LINES:]) or "    (it said nothing)"


class Supervisor:
    """Starts processes, watches them, and ends them all.

    Args:
        logs: A directory for one file of output for each process.
        environment: What the processes get as their environment.
        directory: Where they run.
        grace: How long each may take to end before it is killed.
        end_with_parent: Whether the end of the parent process is a request to stop.
    """

    def __init__(
        self,
        *,
        logs: Path,
        environment: Mapping[str, str],
        directory: Path,
        grace: timedelta = timedelta(seconds=5),
        end_with_parent: bool = False,
    ) -> None:
        self._logs = logs
        self._environment = environment
        self._directory = directory
        self._grace = grace
        self._parent = os.getppid() if end_with_parent else None
        self._children: list[_Child] = []
        self._signaled = False

    def listen_to_signals(self) -> None:
        """Take an interrupt, a termination or a hang-up as a request to stop, from now on."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process that is to run until `stop`."""
        self._children.append(self._launch(name, command))

    def run(self, name: str, command: Sequence[str], timeout: timedelta) -> str:
        """Run a process to its end, and return what it said.

        Raises:
            ChildEndedError: If it fails, or one that was started before has ended.
            NotReadyError: If it takes too long.
            StopRequested: If that comes first.
        """
        child = self._launch(name, command)
        try:
            self.wait_until(lambda: child.process.poll() is not None, f"The {name} to end", timeout)
            if child.process.returncode:
                child.check()
        finally:
            _end([child])
        return child.log.read_text(errors="replace")

    def wait_until(self, condition: Callable[[], bool], what: str, timeout: timedelta) -> None:
        """Wait for a condition, watching the processes meanwhile.

        Raises:
            ChildEndedError: If a process has ended.
            NotReadyError: If it takes too long.
            StopRequested: If that comes first.
        """
        deadline = time.monotonic() + timeout.total_seconds()
        while not condition():
            self._check()
            if time.monotonic() > deadline:
                raise NotReadyError(f"{what}: not within {timeout.total_seconds():g} seconds. See {self._logs}.")
            time.sleep(_POLL_SECONDS)

    def watch(self) -> None:
        """Go on until something ends it.

        Raises:
            ChildEndedError: If a process has ended.
            StopRequested: If somebody wants it to end.
        """
        while True:
            self._check()
            time.sleep(_POLL_SECONDS)

    def last_lines(self, name: str) -> str:
        """Return the end of what a started process has said so far."""
        return next(child.last_lines() for child in self._children if child.name == name)

    def stop(self) -> None:
        """End all processes and wait until they are gone."""
        children, self._children = self._children, []
        _end(children)

    def _launch(self, name: str, command: Sequence[str]) -> _Child:
        log = self._logs / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as output:
            process = start_watched(
                command, grace=self._grace, environment=self._environment, directory=self._directory, output=output
            )
        return _Child(name=name, process=process, log=log)

    def _check(self) -> None:
        if self._signaled or (self._parent is not None and os.getppid() != self._parent):
            raise StopRequested
        for child in self._children:
            child.check()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        # Only a flag: an exception from here could strike while the processes are being ended.
        self._signaled = True


def _end(children: Sequence[_Child]) -> None:
    for child in children:
        end_watched(child.process)
    for child in children:
        child.process.wait()
