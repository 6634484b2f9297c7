"""All connections to Redis, encrypted and with a password."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from strawberry_tasks import TaskStatus
from strawberry_tasks.errors import QueueUnavailableError
from tests.apps.scenarios import Scenarios
from tests.apps.settings import Settings
from tests.patience import PATIENCE, SECONDS
from tests.processes import free_port, listens, wait_until
from tests.programs import Worker
from tests.requirements import require

PASSWORD = "s3cr:t@/?#"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that speaks TLS alone; its address, which wants options."""
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    require("redis-server", binary is not None, "install the package redis-server; the bundled one speaks no TLS")
    directory = tmp_path_factory.mktemp("tls")
    authority, port = trustme.CA(), free_port()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(directory / "authority.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(directory / "server.pem")
    options = {
        "port": 0,
        "tls-port": port,
        "tls-cert-file": directory / "server.pem",
        "tls-key-file": directory / "server.pem",
        "tls-ca-cert-file": directory / "authority.pem",
        "tls-auth-clients": "no",
        "requirepass": PASSWORD,
        "save": "",
    }
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen([str(binary), *words], stdout=log, stderr=log, cwd=directory)
    try:
        wait_until(lambda: process.poll() is not None or listens(port), "the server")
        require("a Redis with TLS", process.poll() is None, (directory / "server.log").read_text())
        yield f"rediss://:{quote(PASSWORD, safe='')}@localhost:{port}/0?ssl_ca_certs={directory / 'authority.pem'}"
    finally:
        process.terminate()
        process.wait(SECONDS)


def test_runs_are_performed_and_watched(server: str, namespace: str, tmp_path: Path) -> None:
    """Store, queue and subscriptions take the URL as it is, in this process and in a worker."""
    settings = Settings(url=server, namespace=namespace, uploads=tmp_path)
    worker = Worker(
        "tests.apps.scenarios_worker:tasks.broker", environment=settings.environment, log=tmp_path / "worker.log"
    )
    tasks = settings.make_tasks()
    scenarios = Scenarios(tasks)
    with worker:
        handle = scenarios.add.enqueue(left=1, right=2)
        assert handle.result(PATIENCE).value == 3
        assert handle.refresh().status is TaskStatus.COMPLETED
    assert PASSWORD not in worker.said
    tasks.close()


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("?ssl_ca_certs=", "?ssl_ca_path=", "certificate"),
        (quote(PASSWORD, safe=""), "wrong", "invalid username-password"),
    ],
    ids=["unknown authority", "wrong password"],
)
def test_why_not_is_told(server: str, tmp_path: Path, before: str, after: str, why: str) -> None:
    """What the server or its certificate is refused for is the cause of the error; the password is not in it."""
    tasks = Settings(url=server.replace(before, after), namespace="tls", uploads=tmp_path).make_tasks()
    scenarios = Scenarios(tasks)

    with pytest.raises(QueueUnavailableError) as caught:
        scenarios.add.enqueue(left=1, right=2)

    causes = []
    error: BaseException | None = caught.value
    while error is not None:
        causes.append(str(error))
        error = error.__cause__ or error.__context__
    assert any(why in cause for cause in causes[1:])
    assert not any(PASSWORD in cause for cause in causes)
    tasks.close()
