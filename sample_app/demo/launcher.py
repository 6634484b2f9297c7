"""Start what the sample application needs, say where to look, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import redis

from strawberry_tasks.contrib.embedded import EmbeddedServer, ServerNotFoundError

from .supervisor import ChildEndedError, NotReadyError, StopRequested, Supervisor

__all__ = ["DemoError", "Options", "run_demo"]

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]

_DEFAULT_PORT = 8000
_WEB_SERVER = "web server"
_MANAGE = [sys.executable, "-m", "sample_app.manage"]
_WORKER = [*_MANAGE, "tasks_worker", "--processes", "1", "--threads", "8", "--with-scheduler"]
_READY_TIMEOUT = timedelta(seconds=60)
_PREPARE_TIMEOUT = timedelta(minutes=5)


class DemoError(Exception):
    """The demo cannot go on; the message tells a person what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the person who starts the demo can choose."""

    port: int = _DEFAULT_PORT
    """Where the page is served."""

    redis_url: str | None = None
    """A Redis to use; one of its own by default."""

    end_with_parent: bool = False
    """Whether the demo ends when the process ends that started it."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, end_with_parent: bool) -> Self:
        """Read ``PORT`` and ``REDIS_URL``; empty ones count as absent.

        Raises:
            DemoError: If the port is none.
        """
        port = environment.get("PORT") or str(_DEFAULT_PORT)
        if not port.isdecimal() or not 0 < int(port) < 2**16:
            raise DemoError(f"PORT={port}: expected a number from 1 to 65535.")
        return cls(port=int(port), redis_url=environment.get("REDIS_URL") or None, end_with_parent=end_with_parent)


def run_demo(options: Options) -> None:
    """Run the demo until somebody stops it.

    Raises:
        DemoError: If it cannot start, or a part of it ends by itself.
    """
    _check_port(options.port)
    with (
        tempfile.TemporaryDirectory(prefix="strawberry-tasks-demo-", ignore_cleanup_errors=True) as logs,
        _redis(options.redis_url) as redis_url,
    ):
        supervisor = Supervisor(
            logs=Path(logs),
            environment=_environment(options.port, redis_url),
            directory=ROOT,
            end_with_parent=options.end_with_parent,
        )
        supervisor.listen_to_signals()
        try:
            said = _prepare(supervisor)
            _start(supervisor, options.port)
            _say_where_to_look(options.port, _address(redis_url, is_own=options.redis_url is None), logs, said)
            supervisor.watch()
        except StopRequested:
            print("\nStopping …", flush=True)
        except (ChildEndedError, NotReadyError) as error:
            raise DemoError(str(error)) from error
        finally:
            supervisor.stop()


def _prepare(supervisor: Supervisor) -> str:
    """Bring the database up to date; return what there is to know about it."""
    print("Preparing the database …", flush=True)
    supervisor.run("migration", [*_MANAGE, "migrate", "--no-input"], _PREPARE_TIMEOUT)
    return supervisor.run("sample data", [*_MANAGE, "load_sample_data"], _PREPARE_TIMEOUT)


def _start(supervisor: Supervisor, port: int) -> None:
    print("Starting the web server and a worker …", flush=True)
    supervisor.start(_WEB_SERVER, _web_server(port))
    supervisor.start("worker", _WORKER)
    try:
        supervisor.wait_until(lambda: _page_answers(port), "The page to answer", _READY_TIMEOUT)
    except urllib.error.HTTPError as error:
        said = supervisor.last_lines(_WEB_SERVER)
        raise DemoError(f"The page answers with an error: {error}. The web server's last lines:\n\n{said}") from error


def _environment(port: int, redis_url: str) -> dict[str, str]:
    # What make passes on empty is not chosen.
    chosen = {name: value for name, value in os.environ.items() if value}
    return {**chosen, "PORT": str(port), "REDIS_URL": redis_url, "PYTHONUNBUFFERED": "1"}


def _web_server(port: int) -> list[str]:
    options = {"--host": HOST, "--port": str(port), "--timeout-graceful-shutdown": "2"}
    words = [word for pair in options.items() for word in pair]
    return [sys.executable, "-m", "uvicorn", "sample_app.asgi:application", *words]


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        # As the web server does: a port that merely lingers after a connection is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            hint = f"Choose another one: make demo PORT={port + 1 if port < 2**16 - 1 else _DEFAULT_PORT}"
            raise DemoError(f"Port {port} cannot be used ({error.strerror}). {hint}") from error


@contextlib.contextmanager
def _redis(url: str | None) -> Iterator[str]:
    if url is None:
        server = EmbeddedServer()
        try:
            server.start()
        except (ServerNotFoundError, RuntimeError) as error:
            raise DemoError(f"{error}\nOr name one that runs: make demo REDIS_URL=redis://…") from error
        with server:
            yield server.url
        return
    try:
        with redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise DemoError(f"REDIS_URL={url} cannot be used: {error}") from error
    yield url


def _page_answers(port: int) -> bool:
    """Tell whether the page is there.

    Raises:
        HTTPError: If something is there, but not the page.
    """
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=2) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        raise
    except OSError:
        return False


def _address(redis_url: str, *, is_own: bool) -> str:
    """Write where Redis is for a person; a password that somebody chose is not for the terminal."""
    parts = urlsplit(redis_url)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return f"{address} with the password {parts.password}" if is_own else address


def _say_where_to_look(port: int, redis_address: str, logs: str, data: str) -> None:
    base = f"http://{HOST}:{port}"
    notes = textwrap.indent(data.strip(), "    ")
    print(
        f"""
  strawberry_tasks is running.

    The page    {base}/
    GraphiQL    {base}/graphql
    Redis       {redis_address}
    Logs        {logs}

{notes}

  Ctrl-C stops all of it.
""",
        flush=True,
    )
