"""What the Celery backend refuses, and how it declares tasks."""

from __future__ import annotations

import sys
import threading
from datetime import timedelta

import pytest
from celery import Celery, signals
from dramatiq.brokers.stub import StubBroker

from strawberry_tasks import Tasks
from strawberry_tasks.backends.celery import CeleryBackend
from strawberry_tasks.backends.upkeep import Upkeep
from strawberry_tasks.errors import ConfigurationError
from tests.patience import SECONDS

URL = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("broker", [None, URL, StubBroker(), Celery], ids=["none", "url", "dramatiq", "class"])
def test_only_an_app_is_a_broker(broker: object) -> None:
    """What is no Celery app is refused, in words that say what was expected."""
    with pytest.raises(ConfigurationError, match=r"broker: expected a celery\.Celery app"):
        Tasks(URL, backend="celery", broker=broker)


def test_an_app_is_no_broker_of_dramatiq() -> None:
    """An app without the backend's name is refused, naming it."""
    with pytest.raises(ConfigurationError, match='Write backend="celery"'):
        Tasks(URL, broker=Celery(set_as_current=False))


def test_no_state_in_memory() -> None:
    """Other processes could not see it."""
    with pytest.raises(ConfigurationError, match="memory://"):
        Tasks("memory://", backend="celery", broker=Celery(set_as_current=False))


def test_there_is_no_dramatiq_broker() -> None:
    """Who asks for Dramatiq's broker is told that there is none."""
    tasks = Tasks(URL, backend="celery", broker=Celery(set_as_current=False))

    with pytest.raises(ConfigurationError, match='backend: expected "dramatiq"'):
        _ = tasks.broker


def test_celery_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it one is told what to install."""
    monkeypatch.delitem(sys.modules, "strawberry_tasks.backends.celery")
    monkeypatch.setitem(sys.modules, "celery", None)

    with pytest.raises(ConfigurationError, match=r"strawberry_tasks\[celery\]"):
        Tasks(URL, backend="celery", broker=object())


def test_tasks_with_names_of_their_own() -> None:
    """The app's tasks begin with the namespace, so that those of a project, or of two `Tasks`, never take each other's place."""
    app = Celery(set_as_current=False)
    tasks = [Tasks(URL, backend="celery", broker=app, namespace=name) for name in ("shop", "bank")]

    for one in tasks:
        one.task()(lunch)

    assert {"shop.lunch", "bank.lunch"} <= set(app.tasks)
    assert app.tasks["shop.lunch"].acks_late
    assert app.tasks["shop.lunch"].reject_on_worker_lost


@pytest.mark.parametrize(
    ("broker", "levels"), [(URL, [9, 5, 4, 3, 0]), ("amqp://127.0.0.1:1", [0, 4, 5, 6, 9])], ids=["redis", "rabbitmq"]
)
def test_levels(broker: str, levels: list[int]) -> None:
    """Ten levels of priority stand around 0; over Redis the lowest number is the most urgent."""
    app = Celery(broker=broker, set_as_current=False)
    backend = CeleryBackend(app, namespace="shop", perform=None, upkeep=None)  # type: ignore[arg-type]

    found = [backend._level(priority) for priority in (-1000, -1, 0, 1, 1000)]

    assert found == levels


def test_upkeep_of_pool_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process of a pool looks after its runs once, from its start to its end."""
    for one in (signals.worker_process_init, signals.worker_process_shutdown):
        monkeypatch.setattr(one, "receivers", [])  # Those of other tests, of which some may live.
    tended, left = threading.Event(), []
    upkeep = Upkeep(sweep=tended.set, tend=tended.set, leave=lambda: left.append(1), lease=timedelta(seconds=1))
    _backend = CeleryBackend(Celery(set_as_current=False), namespace="shop", perform=None, upkeep=upkeep)  # type: ignore[arg-type]

    signals.worker_process_init.send(sender="a process")
    signals.worker_process_init.send(sender="a process")
    assert [thread.name for thread in threading.enumerate()].count("strawberry-tasks-upkeep") == 1
    assert tended.wait(SECONDS)
    signals.worker_process_shutdown.send(sender="a process")

    assert left == [1]


def lunch() -> None:
    """Do nothing."""
