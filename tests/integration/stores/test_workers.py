"""Which workers there are, as each kind of store keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker

from strawberry_tasks.backends.presence import Presence
from strawberry_tasks.errors import StoreUnavailableError
from strawberry_tasks.stores.workers import Roll, WorkerInfo, open_roll
from tests.processes import free_port, wait_until

LONG = timedelta(minutes=5)
SHORT = timedelta(milliseconds=100)

WORKER = WorkerInfo(
    id="b", host="box", pid=1, queues=["bulk"], threads=8, started_at=datetime(2026, 5, 17, tzinfo=UTC), runs=["r"]
)

REPORT = {**asdict(WORKER), "started_at": WORKER.started_at.isoformat()}


@pytest.fixture(params=["redis", "memory"])
def url(request: pytest.FixtureRequest) -> str:
    """Where the roll is."""
    return "memory://" if request.param == "memory" else str(request.getfixturevalue("redis_url"))


@pytest.fixture
def roll(url: str, namespace: str) -> Iterator[Roll]:
    """A roll that keeps reports for long."""
    roll = open_roll(url, namespace=namespace, ttl=LONG)
    yield roll
    roll.close()


def test_what_a_worker_has_reported_last_is_read(roll: Roll) -> None:
    """The workers come in the order of their start."""
    later = replace(WORKER, id="a", started_at=WORKER.started_at + timedelta(seconds=1))
    roll.note(replace(WORKER, runs=[]))
    roll.note(later)
    roll.note(WORKER)

    assert roll.read() == [WORKER, later]


def test_a_worker_that_is_forgotten_is_gone(roll: Roll) -> None:
    """The others stay."""
    roll.note(WORKER)
    roll.note(replace(WORKER, id="a"))

    roll.forget("a")

    assert roll.read() == [WORKER]


def test_a_report_is_kept_for_its_time(url: str, namespace: str) -> None:
    """Then nothing is left, though nobody has forgotten it."""
    roll = open_roll(url, namespace=namespace, ttl=SHORT)
    roll.note(WORKER)
    assert roll.read() == [WORKER]

    wait_until(lambda: roll.read() == [], "it is gone")
    roll.close()


def test_one_report_that_is_gone_hides_no_other(redis_url: str, namespace: str) -> None:
    """In Redis, reports of different age stand in one index."""
    short, long = (open_roll(redis_url, namespace=namespace, ttl=ttl) for ttl in (SHORT, LONG))
    short.note(WORKER)
    long.note(replace(WORKER, id="a"))

    wait_until(lambda: [worker.id for worker in long.read()] == ["a"], "the other is gone")
    short.close()
    long.close()


def test_a_server_that_is_away_is_told() -> None:
    """As the store tells it."""
    roll = open_roll(f"redis://127.0.0.1:{free_port()}/0", namespace="test", ttl=LONG)

    with pytest.raises(StoreUnavailableError):
        roll.read()


class Performing:
    """Stands in for the keeper of a process's runs."""

    def runs(self) -> list[str]:
        return ["r1"]


def test_a_worker_reports_itself_from_its_start_to_its_end(roll: Roll) -> None:
    """With its queues and what it performs; when it ends in good order it is gone at once, however long the lease."""
    broker = StubBroker(middleware=[Presence(roll, lease=LONG, keeper=Performing)])  # type: ignore[arg-type]
    broker.declare_queue("bulk")
    for _ in range(2):  # One worker may follow another in a process.
        worker = Worker(broker, worker_timeout=50, worker_threads=3)
        worker.start()
        wait_until(roll.read, "it has reported")
        (report,) = roll.read()
        worker.stop()

        assert (report.queues, report.threads, report.runs) == (["bulk"], 3, ["r1"])
        assert roll.read() == []


@pytest.mark.parametrize("report", ["", "[]", '{"id": "x"}', "[" * 100_000, json.dumps({**REPORT, "runs": 5}), b"\xff"])
def test_a_report_of_another_version_is_passed_over(redis_url: str, namespace: str, report: str | bytes) -> None:
    """As is one that is damaged; those of others are read."""
    roll = open_roll(redis_url, namespace=namespace, ttl=LONG)
    roll.note(WORKER)
    with redis.Redis.from_url(redis_url) as client:
        client.set(f"{namespace}:worker:x", report, px=60_000)
        client.sadd(f"{namespace}:workers", "x")

    assert roll.read() == [WORKER]
    roll.close()


def test_a_report_may_say_more(redis_url: str, namespace: str) -> None:
    """A newer version's is read as far as it is known."""
    roll = open_roll(redis_url, namespace=namespace, ttl=LONG)
    with redis.Redis.from_url(redis_url) as client:
        client.set(f"{namespace}:worker:b", json.dumps({**REPORT, "zone": "eu"}), px=60_000)
        client.sadd(f"{namespace}:workers", "b")
        client.expire(f"{namespace}:workers", 60)

    assert roll.read() == [WORKER]
    roll.close()


def test_an_index_of_another_type_is_made_anew(redis_url: str, namespace: str) -> None:
    """With the next report; until then nobody is there."""
    roll = open_roll(redis_url, namespace=namespace, ttl=LONG)
    with redis.Redis.from_url(redis_url) as client:
        client.set(f"{namespace}:workers", "nothing", px=60_000)

    assert roll.read() == []
    roll.note(WORKER)
    assert roll.read() == [WORKER]
    roll.close()
