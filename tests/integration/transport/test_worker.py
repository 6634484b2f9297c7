"""What a worker gets and gives back, and in which order."""

from __future__ import annotations

import itertools
import logging
import threading
import time

import dramatiq
import pytest
import redis

from strawberry_tasks.backends.redis_transport import RedisTransport
from tests.integration.transport.conftest import LEASE, QUEUE, MakeTransport, StartWorker, is_empty, message
from tests.patience import SECONDS
from tests.processes import wait_until
from tests.servers import RedisServer


def test_a_shutdown_gives_back_at_once(make_transport: MakeTransport, start_worker: StartWorker) -> None:
    """What no thread has begun is there for others while the worker still waits for what runs."""
    leaving, staying = make_transport(), make_transport()
    begun, go_on = threading.Event(), threading.Event()

    @dramatiq.actor(broker=leaving, queue_name=QUEUE)
    def wait() -> None:
        begun.set()
        go_on.wait(SECONDS)

    wait.send()
    wait.send()
    worker = start_worker(leaving, threads=1)
    assert begun.wait(SECONDS)
    wait_until(lambda: staying.depth(QUEUE).in_flight == 2, "the second one was fetched")

    stopping = threading.Thread(target=worker.stop)
    stopping.start()

    wait_until(lambda: staying.depth(QUEUE) == (1, 0, 1, 0), "one was given back", LEASE.total_seconds() / 2)
    go_on.set()
    stopping.join()
    assert staying.depth(QUEUE) == (1, 0, 0, 0)
    staying.fetch(QUEUE, 1)
    (delivery,) = staying.inbox(QUEUE).drain()
    assert not delivery.suspect


def test_what_does_not_end_in_time_is_given_back(make_transport: MakeTransport, start_worker: StartWorker) -> None:
    """A message whose task outlasts the shutdown waits again when the worker is gone."""
    leaving, staying = make_transport(), make_transport()
    begun, go_on = threading.Event(), threading.Event()

    @dramatiq.actor(broker=leaving, queue_name=QUEUE)
    def wait() -> None:
        begun.set()
        go_on.wait(SECONDS)

    wait.send()
    worker = start_worker(leaving)
    assert begun.wait(SECONDS)

    worker.stop(timeout=50)

    assert staying.depth(QUEUE) == (1, 0, 0, 0)
    go_on.set()


def test_an_idle_worker_is_woken(transport: RedisTransport, start_worker: StartWorker) -> None:
    """A message does not wait until a sleeper looks by itself."""
    started: list[float] = []

    @dramatiq.actor(broker=transport, queue_name=QUEUE)
    def note() -> None:
        started.append(time.monotonic())

    start_worker(transport)
    delays = []
    for number in itertools.count(1):
        wait_until(transport.client.client_list, "the worker sleeps")
        sent = time.monotonic()
        note.send()
        wait_until(lambda expected=number: len(started) == expected, "the task starts")
        delays.append(started[-1] - sent)
        if number == 20:
            break

    assert sorted(delays)[10] < 0.02


def test_a_fetched_message_that_was_lost_is_skipped(transport: RedisTransport, start_worker: StartWorker) -> None:
    """What is in other hands by the time its turn comes is not performed."""
    performed: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    @dramatiq.actor(broker=transport, queue_name=QUEUE)
    def note(name: str) -> None:
        performed.append(name)
        begun.set()
        go_on.wait(SECONDS)

    note.send("first")
    lost = note.send("second")
    start_worker(transport, threads=1)
    assert begun.wait(SECONDS)
    wait_until(lambda: transport.in_flight(lost.message_id), "it was fetched")
    transport.client.hset(f"{transport.namespace}:queue:{QUEUE}:deliveries", lost.message_id, "another")
    wait_until(lambda: transport.is_lost(lost.message_id), "the loss is known")

    go_on.set()

    wait_until(lambda: transport.in_flight(lost.message_id) is None, "it was skipped")
    assert performed == ["first"]


def test_an_unknown_actor_does_not_stop_the_worker(transport: RedisTransport, start_worker: StartWorker) -> None:
    """A message of an actor that nobody declared goes to the dead letters, and its owner is told."""
    told: list[str] = []
    transport.dead.on_dead = lambda letter: told.append(f"{letter.message_id} {letter.reason}")
    performed = threading.Event()

    @dramatiq.actor(broker=transport, queue_name=QUEUE)
    def note() -> None:
        performed.set()

    start_worker(transport)
    transport.enqueue(message("stray", actor="nobody"))
    note.send()

    assert performed.wait(SECONDS)
    wait_until(lambda: told == ["stray UNKNOWN_ACTOR"], "its owner was told")
    assert [letter.message_id for letter in transport.dead.read(QUEUE)] == ["stray"]


def test_a_worker_warns_of_a_server_that_loses_messages(
    direct: RedisTransport, server: RedisServer, start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """It says at its start that the server keeps no append-only file, and that it evicts keys."""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("appendonly", "no")
        client.config_set("maxmemory-policy", "allkeys-lru")

    with caplog.at_level(logging.WARNING):
        start_worker(direct)

    assert [warning in caplog.text for warning in ("appendonly yes", "maxmemory-policy noeviction")] == [True, True]


def test_a_worker_is_quiet_where_it_may_not_ask(
    direct: RedisTransport, server: RedisServer, start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that forbids ``CONFIG`` gets no warning."""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("appendonly", "no")
        client.acl_setuser("default", enabled=True, nopass=True, categories=["+@all"], commands=["-config"], keys=["*"])

    with caplog.at_level(logging.WARNING):
        start_worker(direct)

    assert not [record for record in caplog.records if "This Redis" in record.message]


def test_an_urgent_queue_does_not_wait_for_what_was_fetched(
    transport: RedisTransport, start_worker: StartWorker
) -> None:
    """With its only thread busy and bulk work fetched ahead, a process begins an urgent message as soon as the thread is free."""
    begun: list[str] = []
    busy, go_on = threading.Event(), threading.Event()

    def note(name: str) -> None:
        begun.append(name)
        busy.set()
        go_on.wait(SECONDS)

    bulk = dramatiq.actor(note, broker=transport, queue_name=QUEUE, actor_name="bulk")
    urgent = dramatiq.actor(note, broker=transport, queue_name="urgent", actor_name="urgent")
    transport.enqueue_many([bulk.message(f"bulk {number}") for number in range(20)])
    worker = start_worker(transport, threads=1)
    assert busy.wait(SECONDS)
    wait_until(lambda: worker.work_queue.qsize() == 1, "more was fetched")

    urgent.send("urgent")
    wait_until(lambda: worker.work_queue.qsize() == 2, "it was fetched, too")
    go_on.set()

    wait_until(lambda: is_empty(transport), "all were performed")
    assert begun[1] == "urgent"


@pytest.mark.parametrize("threads", [1, 4])
def test_an_urgent_queue_waits_for_one_task_at_the_most(
    transport: RedisTransport, start_worker: StartWorker, threads: int
) -> None:
    """With all threads at bulk work, and more of it fetched, a message of another queue is begun before the next but one."""
    begun = itertools.count()
    overtaken: list[int] = []

    @dramatiq.actor(broker=transport, queue_name=QUEUE)
    def bulk() -> None:
        next(begun)
        time.sleep(0.2)

    @dramatiq.actor(broker=transport, queue_name="urgent")
    def urgent(before: int) -> None:
        overtaken.append(next(begun) - before)

    transport.enqueue_many([bulk.message() for _ in range(500)])
    worker = start_worker(transport, threads=threads)
    wait_until(lambda: worker.work_queue.qsize() >= threads, "more was fetched than there are threads")

    for number in range(3):
        urgent.send(next(begun) + 1)
        wait_until(lambda number=number: len(overtaken) > number, "it was performed")
    transport.flush(QUEUE)

    # While it is fetched, each thread may begin another one.
    assert max(overtaken) <= 2 * threads
