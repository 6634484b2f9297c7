"""Processes and ports, as a test looks at them from outside."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path


def wait_until(condition: Callable[[], object], what: str, seconds: float = 10) -> None:
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
