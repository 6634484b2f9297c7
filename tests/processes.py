"""Processes and ports, as a test looks at them from outside."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.patience import SECONDS


def wait_until(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Return once the condition holds; fail the test when it does not in time."""
    __tracebackhide__ = True
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Tell whether there is such a process; one that only waits for its parent to notice its end is dead."""
    status = Path(f"/proc/{pid}/stat")
    try:
        if Path("/proc/self").exists():
            return status.read_text().rpartition(")")[2].split()[0] not in "ZX"
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


def descendants(pid: int) -> dict[int, str]:
    """Return the processes that this one started, and those that they started, with their command lines."""
    processes = _processes()
    found = {pid}
    while more := {child for child, (parent, _) in processes.items() if parent in found} - found:
        found |= more
    return {child: processes[child][1] for child in found - {pid}}


def listens(port: int) -> bool:
    """Tell whether somebody accepts connections on this port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _processes() -> dict[int, tuple[int, str]]:
    """Return all processes: the parent's id and the command line by the id."""
    if Path("/proc/self").exists():
        return dict(_read_proc())
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(maxsplit=2) for line in listing.splitlines())
    return {int(row[0]): (int(row[1]), "".join(row[2:])) for row in rows}


def _read_proc() -> Iterator[tuple[int, tuple[int, str]]]:
    for directory in Path("/proc").glob("[0-9]*"):
        # It may end while it is being looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parent = directory.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            words = directory.joinpath("cmdline").read_bytes().split(b"\0")
            yield int(directory.name), (int(parent), b" ".join(words).decode(errors="replace"))
