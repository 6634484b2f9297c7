"""Worker and web processes, as a test starts them and looks at them from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self

from strawberry_tasks.contrib.embedded import end_watched, start_watched
from tests.patience import SECONDS
from tests.processes import descendants, free_port, listens, wait_until

ROOT = Path(__file__).parents[1]

PYTHON_PATH = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "startup")])
"""Where processes find the package, the tests, and what lets them start sooner."""

GRACE = timedelta(milliseconds=200)
"""How long one may take to end when nobody needs it any more; Dramatiq would take its time."""


class Program:
    """A Python module that runs as a process; it ends with the block, and with the tests however they end.

    Args:
        words: The module's name and its arguments.
        environment: What it finds in its environment beside what is there.
        log: Where its output goes.
    """

    def __init__(self, words: Sequence[str], *, environment: Mapping[str, str], log: Path) -> None:
        self._command = [sys.executable, "-m", *words]
        self._environment = {**os.environ, "PYTHONPATH": PYTHON_PATH, **environment}
        self._log = log
        self._said_before = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def said(self) -> str:
        """All that it has printed so far."""
        return self._log.read_text() if self._log.exists() else ""

    def has_said(self, words: str) -> bool:
        """Tell whether it has printed this since it was last started."""
        return words in self.said[self._said_before :]

    def is_ready(self) -> bool:
        """Tell whether it does its work now."""
        raise NotImplementedError

    @property
    def pids(self) -> set[int]:
        """The process and those that it has started."""
        return set() if self._process is None else set(descendants(self._process.pid))

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and to those that it has started; SIGTERM to itself alone, which tells the others."""
        pids = sorted(self.pids)
        for pid in pids[:1] if number is signal.SIGTERM else pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def restart(self) -> None:
        """Start it again after its end; the block's end ends it as before."""
        self.__exit__()
        self.__enter__()

    def has_ended(self) -> bool:
        """Tell whether it was started and is gone."""
        return self._has_ended

    def __enter__(self) -> Self:
        self._said_before = len(self.said)
        with self._log.open("ab") as output:
            self._process = start_watched(
                self._command, environment=self._environment, directory=ROOT, output=output, grace=GRACE
            )
        try:
            wait_until(lambda: self.is_ready() or self._has_ended, f"the start of {self._command}")
            assert not self._has_ended, self.said
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc_info: object) -> None:
        if self._process is not None:
            end_watched(self._process)
            self._process.wait(SECONDS)

    @property
    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None


class Worker(Program):
    """Dramatiq's own command line with one worker process.

    Args:
        broker: Where the broker is, as ``dramatiq`` takes it: a module, or a module and a name in it.
        threads: How many runs it performs at a time.
        environment: What it finds in its environment beside what is there.
        log: Where its output goes.
        options: More for its command line.
    """

    def __init__(
        self,
        broker: str,
        *,
        environment: Mapping[str, str],
        log: Path,
        threads: int = 8,
        options: Sequence[str] = (),
    ) -> None:
        words = ["dramatiq", broker, "--processes", "1", "--threads", str(threads), *options]
        super().__init__(words, environment=environment, log=log)

    def is_ready(self) -> bool:
        """Tell whether it consumes messages."""
        return self.has_said("is ready for action")


class ManagedWorker(Program):
    """The worker of a Django project, with one process and a scheduler.

    Args:
        manage: The module that is the project's ``manage.py``.
        environment: What it finds in its environment beside what is there.
        log: Where its output goes.
    """

    def __init__(self, manage: str, *, environment: Mapping[str, str], log: Path) -> None:
        words = [manage, "tasks_worker", "--processes", "1", "--threads", "8", "--with-scheduler"]
        super().__init__(words, environment=environment, log=log)

    def is_ready(self) -> bool:
        """Tell whether it consumes messages."""
        return self.has_said("is ready for action")


class CeleryWorker(Program):
    """Celery's own command line.

    Args:
        app: Where the Celery app is, as ``module:name``.
        environment: What it finds in its environment beside what is there.
        log: Where its output goes.
        pool: Celery's name for how it performs several runs at a time.
        concurrency: How many.
    """

    def __init__(
        self, app: str, *, environment: Mapping[str, str], log: Path, pool: str = "prefork", concurrency: int = 4
    ) -> None:
        options = ["--pool", pool, "--concurrency", str(concurrency), "--loglevel", "INFO"]
        quiet = ["--without-mingle", "--without-gossip"]
        super().__init__(["celery", "-A", app, "worker", *options, *quiet], environment=environment, log=log)

    def is_ready(self) -> bool:
        """Tell whether it consumes messages."""
        return self.has_said(" ready.")


class DjangoWorker(Program):
    """A command of ``manage.py`` that performs tasks.

    Args:
        words: The command and its arguments.
        environment: What it finds in its environment beside what is there, such as ``DJANGO_SETTINGS_MODULE``.
        log: Where its output goes.
        ready: What it prints once it looks for tasks.
    """

    def __init__(self, words: Sequence[str], *, environment: Mapping[str, str], log: Path, ready: str) -> None:
        super().__init__(["django", *words], environment=environment, log=log)
        self._ready = ready

    def is_ready(self) -> bool:
        """Tell whether it looks for tasks."""
        return self.has_said(self._ready)


class Web(Program):
    """A uvicorn that serves an ASGI application.

    Args:
        app: The application, as ``module:name``.
        environment: What it finds in its environment beside what is there.
        log: Where its output goes.
    """

    def __init__(self, app: str, *, environment: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.websocket_url = f"ws://127.0.0.1:{self.port}"
        super().__init__(["uvicorn", app, "--port", str(self.port)], environment=environment, log=log)

    def is_ready(self) -> bool:
        """Tell whether it accepts connections."""
        return listens(self.port)
