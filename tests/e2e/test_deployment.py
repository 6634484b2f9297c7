"""The deployment of the sample: what its files say, run as processes behind a real nginx."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.graphql_socket import graphql_socket
from tests.patience import SECONDS
from tests.processes import free_port, listens, wait_until
from tests.programs import ROOT, Program
from tests.requirements import require
from tests.servers import RedisServer
from tests.shops import Visitor

DEPLOY = ROOT / "sample_app/deploy"
SECRETS = {"SECRET_KEY": "of a test", "POSTGRES_PASSWORD": "of a test"}

SYNC = 'mutation { syncInventory(provider: "AMAZON") { id } }'


@cache
def compose() -> Any:
    """Return what compose.yaml says."""
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def command(service: str) -> list[str]:
    """Return the command of a service."""
    return [str(word) for word in compose()["services"][service]["command"]]


class Part(Program):
    """A service of the deployment, by the very command that compose.yaml has for it."""

    def __init__(self, name: str, words: Sequence[str], ready: str, environment: Mapping[str, str], log: Path) -> None:
        assert list(words[:2]) == ["python", "-m"]
        super().__init__(list(words[2:]), environment=environment, log=log / f"{name}.log")
        self._ready = ready

    def is_ready(self) -> bool:
        """Tell whether it has said so."""
        return self.has_said(self._ready)


class Nginx:
    """An nginx with the deployment's configuration, and the addresses of this machine in it."""

    def __init__(self, directory: Path, ports: Mapping[str, int]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        text = (DEPLOY / "nginx.conf").read_text()
        for name, port in ports.items():
            assert f"{name}:8000" in text
            text = text.replace(f"{name}:8000", f"127.0.0.1:{port}")
        assert "listen 80;" in text
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self.port};")
        paths = "".join(
            f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = text.replace("http {", f"http {{\n{paths}")
        # Who is root here stays root, so that the directory is its own.
        user = "user root;\n" if os.geteuid() == 0 else ""
        self._configuration = directory / "nginx.conf"
        self._configuration.write_text(f"{user}daemon off;\npid {directory}/nginx.pid;\n{text}")
        self._words = [_nginx(), "-p", str(directory), "-e", "stderr", "-c", str(self._configuration)]

    def check(self) -> str:
        """Return what nginx says of its configuration."""
        done = subprocess.run([*self._words, "-t"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def __enter__(self) -> Nginx:
        self._process = subprocess.Popen(self._words)
        wait_until(lambda: listens(self.port), "the start of nginx")
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._process.terminate()
        self._process.wait(SECONDS)


def _nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    require("nginx", found is not None, "install the package nginx or nginx-light")
    return str(found)


@dataclass(frozen=True, slots=True)
class Deployment:
    """All of it as it runs."""

    nginx: Nginx
    redis: RedisServer
    parts: Mapping[str, Part]

    @contextmanager
    def visit(self) -> Iterator[Visitor]:
        """Come as a browser does, through nginx."""
        with httpx.Client(base_url=self.nginx.url, timeout=20) as client:
            client.get("/").raise_for_status()
            yield Visitor(client)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two web servers behind nginx, two workers and two schedulers."""
    _nginx()
    directory = tmp_path_factory.mktemp("deployment")
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        ports = {"web-1": free_port(), "web-2": free_port()}
        nginx = Nginx(directory, ports)
        environment = {
            **SECRETS,
            "DEBUG": "0",
            "ALLOWED_HOSTS": "127.0.0.1",
            "REDIS_URL": redis.url,
            "DATABASE_URL": f"sqlite:///{directory / 'shop.sqlite3'}",
            "SAMPLE_APP_VAR": str(directory),
            "SUPPLIER_URL": f"{nginx.url}/supplier",
            "DJANGO_SETTINGS_MODULE": "sample_app.settings",
        }
        shell, option, script = command("migrate")
        script = script.replace("python ", f"{shlex.quote(sys.executable)} ")
        subprocess.run(
            [shell, option, script], env={**os.environ, **environment}, cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
        parts = {}
        for name in ("web-1", "web-2"):
            words = [str(ports[name]) if word == "8000" else word for word in command(name)]
            parts[name] = Part(name, words, "startup complete", environment, directory)
        for number in (1, 2):
            parts[f"worker-{number}"] = Part(
                f"worker-{number}", command("worker"), "ready for action", environment, directory
            )
            parts[f"scheduler-{number}"] = Part(
                f"scheduler-{number}", command("scheduler"), "Scheduling", environment, directory
            )
        for part in parts.values():
            stack.enter_context(part)
        yield Deployment(stack.enter_context(nginx), redis, parts)


async def test_a_run_is_watched_through_nginx(deployment: Deployment) -> None:
    """A browser starts a run through one web server, and watches it over a websocket that may be the other one's."""
    with deployment.visit() as visitor:
        run_id = visitor.execute(SYNC)["syncInventory"]["id"]
    url = f"{deployment.nginx.url.replace('http', 'ws')}/graphql"
    headers = {"Cookie": visitor.cookie, "Origin": deployment.nginx.url}
    document = "subscription ($id: ID!) { taskProgress(taskId: $id) { status progress isTerminal } }"

    async with graphql_socket(url, headers=headers) as socket:
        states = [data["taskProgress"] async for data in await socket.execute(document, id=run_id)]

    assert states[-1] == {"status": "COMPLETED", "progress": 100.0, "isTerminal": True}
    assert len({state["progress"] for state in states}) > 2


def test_events_are_not_held_back(deployment: Deployment) -> None:
    """The first state of a stream of events arrives while the run goes on."""
    with deployment.visit() as visitor:
        run_id = visitor.execute(SYNC)["syncInventory"]["id"]
        with visitor.client.stream("GET", f"/api/v1/tasks/{run_id}/events/") as answer:
            events = (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: {"))
            first = next(events)
            *_, last = events

    assert answer.headers["content-type"] == "text/event-stream"
    assert not first["isTerminal"]
    assert last["status"] == "COMPLETED"


def test_one_of_each_may_be_gone(deployment: Deployment) -> None:
    """With a web server killed and a worker ended, pages are shown and runs are performed by the others."""
    web, worker = deployment.parts["web-1"], deployment.parts["worker-1"]
    web.send_signal(signal.SIGKILL)
    worker.send_signal(signal.SIGTERM)
    wait_until(lambda: web.has_ended() and worker.has_ended(), "the ends of both")

    with deployment.visit() as visitor:
        assert {visitor.client.get("/healthz").status_code for _ in range(6)} == {200}
        report = visitor.execute('mutation { salesReport(start: "2024-01-01", end: "2024-12-31") { id } }')[
            "salesReport"
        ]
        assert visitor.wait(report["id"])["status"] == "COMPLETED"

    web.restart()
    worker.restart()


def test_a_worker_tells_that_it_is_ready(deployment: Deployment) -> None:
    """The health check of compose.yaml."""
    _, program, *words = compose()["services"]["worker"]["healthcheck"]["test"]
    assert program == "strawberry-tasks"
    environment = {
        **os.environ,
        **SECRETS,
        "REDIS_URL": deployment.redis.url,
        "DJANGO_SETTINGS_MODULE": "sample_app.settings",
    }

    done = subprocess.run(
        [sys.executable, "-m", "strawberry_tasks.cli", *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_health_without_redis(deployment: Deployment) -> None:
    """A load balancer is told that nothing can be started, and again that all is well."""
    with httpx.Client(base_url=deployment.nginx.url, timeout=20) as client:
        wait_until(lambda: client.get("/healthz").json()["workers"] >= 4, "all workers to be known")
        before = client.get("/healthz")
        deployment.redis.kill()
        answer = client.get("/healthz")
        deployment.redis.start()

        assert before.status_code == 200
        assert before.json()["ok"]
        assert answer.status_code == 503
        assert answer.json()["store"] is False
        wait_until(lambda: client.get("/healthz").status_code == 200, "its health")


def test_the_nginx_configuration_is_valid(tmp_path: Path) -> None:
    """By nginx itself."""
    assert "warn" not in Nginx(tmp_path, {"web-1": 8001, "web-2": 8002}).check()


def test_the_compose_file_is_valid() -> None:
    """By compose itself, which also wants the secrets."""
    found = shutil.which("docker-compose")
    require("docker-compose", found is not None, "install the package docker-compose")
    words = [str(found), "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"]

    done = subprocess.run(words, env={**os.environ, **SECRETS}, capture_output=True, text=True, check=False)
    without = subprocess.run(words, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert without.returncode != 0
    assert "a secret of your own" in without.stderr or "a password of your own" in without.stderr


def test_the_units_are_valid(tmp_path: Path) -> None:
    """By systemd itself, with the programs of this machine."""
    found = shutil.which("systemd-analyze")
    require("systemd-analyze", found is not None, "install the package systemd")
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/srv/shop/.venv/bin/python", sys.executable)
        (tmp_path / unit.name.replace("@.", "@1.")).write_text(text)

    units = [str(unit) for unit in tmp_path.iterdir()]
    done = subprocess.run([str(found), "verify", *units], capture_output=True, text=True, check=False)

    complaints = [line for line in done.stderr.splitlines() if "shop" in line]
    assert not complaints


def test_all_start_the_same() -> None:
    """Procfile, units and compose.yaml differ in where they listen and how long they wait, and in nothing else."""
    lines = (DEPLOY / "Procfile").read_text().splitlines()
    procfile = {name: shlex.split(rest) for name, _, rest in (line.partition(": ") for line in lines)}
    for service, name in (("web-1", "web"), ("worker", "worker"), ("scheduler", "scheduler")):
        unit = (DEPLOY / f"systemd/shop-{name}@.service").read_text()
        (started,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
        ways = [command(service), procfile[name], ["python", *shlex.split(started.partition(" ")[2])]]
        assert {_without_places(words) for words in ways} == {_without_places(command(service))}


def test_nobody_is_killed_too_soon() -> None:
    """What ends a worker waits for longer than the worker does for its runs."""
    words = command("worker")
    patience = int(words[words.index("--stop-timeout") + 1])
    unit = (DEPLOY / "systemd/shop-worker@.service").read_text()

    assert int(compose()["services"]["worker"]["stop_grace_period"].removesuffix("s")) > patience
    assert int(unit.partition("TimeoutStopSec=")[2].split()[0]) > int(unit.partition("--stop-timeout ")[2].split()[0])


def _without_places(words: Sequence[str]) -> tuple[str, ...]:
    kept = list(words)
    for option in ("--host", "--port", "--stop-timeout", "--forwarded-allow-ips"):
        if option in kept:
            place = kept.index(option)
            del kept[place : place + 2]
    return tuple(kept)
