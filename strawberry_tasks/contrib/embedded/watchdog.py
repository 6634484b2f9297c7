"""Run a command that ends when its parent does, however the parent ends.

The parent holds the write end of a pipe that is the watchdog's standard input. The kernel closes it with the parent, also
on SIGKILL; the watchdog then terminates the command, and kills what is left of its process group after a grace period.

The module is run as a script, by path, and so imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import FrameType
from typing import IO

__all__ = ["end_watched", "start_watched"]

_STANDARD_INPUT = 0


def start_watched(
    command: Sequence[str | os.PathLike[str]],
    *,
    grace: timedelta = timedelta(seconds=5),
    environment: Mapping[str, str] | None = None,
    directory: str | os.PathLike[str] | None = None,
    output: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command under a watchdog, and return the watchdog's process.

    The process ends once the command and its process group are gone, with the command's exit code, or with 128 plus the
    number of the signal that ended it.

    Args:
        command: The program and its arguments. It gets no standard input.
        grace: How long the command may take to end before its process group is killed.
        environment: Its environment; the present one by default.
        directory: Where it runs; the present directory by default.
        output: Where its output goes, standard error included, as `subprocess.Popen` takes it.
    """
    # The session of its own keeps a Ctrl-C in the terminal from reaching the command before its parent has decided.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(grace.total_seconds()), *(os.fspath(word) for word in command)],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env=environment,
        cwd=directory,
        start_new_session=True,
    )


def end_watched(process: subprocess.Popen[bytes]) -> None:
    """Tell the watchdog to end its command, and return at once; harmless when it has ended already."""
    if process.stdin is not None:
        process.stdin.close()


def main(arguments: Sequence[str]) -> int:
    """Run the command until it ends or standard input does; return its exit code.

    Args:
        arguments: The grace period in seconds, then the command.
    """
    grace, *command = arguments
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - this is a program
        return 127
    stop = threading.Thread(target=_stop, args=(child, float(grace)), daemon=True).start

    def stop_on_signal(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stop()

    signal.signal(signal.SIGTERM, stop_on_signal)
    threading.Thread(target=_stop_at_end_of_input, args=(child, float(grace)), daemon=True).start()
    code = child.wait()
    _kill_group(child.pid)
    return code if code >= 0 else 128 - code


def _stop_at_end_of_input(child: subprocess.Popen[bytes], grace: float) -> None:
    while os.read(_STANDARD_INPUT, 1):
        pass
    _stop(child, grace)


def _stop(child: subprocess.Popen[bytes], grace: float) -> None:
    child.terminate()
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        _kill_group(child.pid)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
