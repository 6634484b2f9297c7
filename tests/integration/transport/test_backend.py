"""What becomes of a run and its message together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from dramatiq import Worker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

from strawberry_tasks import Tasks
from strawberry_tasks.backends.redis_transport import RedisTransport
from strawberry_tasks.errors import ConfigurationError, QueueUnavailableError, TaskError, TaskInputError
from strawberry_tasks.status import TaskStatus
from tests.integration.transport.conftest import QUEUE, StartWorker, take
from tests.processes import wait_until
from tests.servers import Fault, Proxy, RedisServer

MakeTasks = Callable[..., Tasks]


@pytest.fixture
def make_tasks(redis_url: str, namespace: str) -> Iterator[MakeTasks]:
    """Make `Tasks` over the Redis transport."""
    made: list[Tasks] = []

    def make(url: str = redis_url, **options: Any) -> Tasks:
        made.append(Tasks(url, namespace=namespace, queue=QUEUE, retry_delay=timedelta(milliseconds=50), **options))
        return made[-1]

    yield make
    for tasks in made:
        tasks.close()


@pytest.fixture(params=["one database", "two databases"])
def tasks(request: pytest.FixtureRequest, make_tasks: MakeTasks, server: RedisServer) -> Tasks:
    """`Tasks` whose store and queue are beside each other, and apart."""
    broker = None if request.param == "one database" else server.url.replace("/0", "/1")
    return make_tasks(server.url, broker=broker)


def transport_of(tasks: Tasks) -> RedisTransport:
    assert isinstance(tasks.broker, RedisTransport)
    return tasks.broker


def commands(server: RedisServer, work: Callable[[], object]) -> dict[str, int]:
    """Count the scripts and the other commands that something takes."""
    with redis.Redis.from_url(server.url) as client:
        client.config_resetstat()
        work()
        stats = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): row["calls"] for name, row in stats.items()}


def drain(worker: Worker, tasks: Tasks) -> None:
    wait_until(lambda: transport_of(tasks).do_qsize(QUEUE) == 0, "the queue is empty")


def test_runs_are_performed_and_retried(tasks: Tasks, start_worker: StartWorker) -> None:
    """A run ends as its function did, its failed attempts are retried, and no message is left."""
    attempts: list[int] = []

    @tasks.task(max_retries=2)
    def flaky(number: int) -> int:
        attempts.append(number)
        if len(attempts) < 3:
            raise TaskError("Not yet.")
        return number

    handle = flaky.enqueue(7)
    worker = start_worker(tasks.broker)

    assert handle.result(timedelta(seconds=10)) == 7
    assert attempts == [7, 7, 7]
    drain(worker, tasks)


def test_a_start_is_one_script(make_tasks: MakeTasks, server: RedisServer) -> None:
    """On one server the record and the message are written by one call."""
    tasks = make_tasks(server.url)

    @tasks.task()
    def noop() -> None: ...

    noop.enqueue()

    counts = commands(server, noop.enqueue)

    assert counts["evalsha"] == 1
    assert transport_of(tasks).depth(QUEUE).ready == 2


def test_an_end_is_one_script(make_tasks: MakeTasks, server: RedisServer, start_worker: StartWorker) -> None:
    """On one server the terminal state and the acknowledgement are written by one call."""
    tasks = make_tasks(server.url)
    seen: list[tuple[TaskStatus, int]] = []

    @tasks.task()
    def noop() -> None: ...

    handle = noop.enqueue()
    (delivery,) = take(transport_of(tasks))
    actor = tasks.broker.get_actor(noop.name)
    actor(*delivery.args)

    seen.append((handle.refresh().status, transport_of(tasks).do_qsize(QUEUE)))

    assert seen == [(TaskStatus.COMPLETED, 0)]
    assert delivery.settled


def test_a_retry_is_scheduled_with_its_state(make_tasks: MakeTasks, server: RedisServer) -> None:
    """On one server RETRYING and the delay of the message are written by one call."""
    tasks = make_tasks(server.url)

    @tasks.task(max_retries=1, retry_delay=timedelta(minutes=1))
    def fail() -> None:
        raise TaskError("No.")

    handle = fail.enqueue()
    (delivery,) = take(transport_of(tasks))

    with pytest.raises(Exception, match="due later"):
        tasks.broker.get_actor(fail.name)(*delivery.args)

    assert handle.refresh().status is TaskStatus.RETRYING
    assert transport_of(tasks).depth(QUEUE) == (0, 1, 0, 0)
    assert delivery.settled


def test_many_runs_are_started_at_once(tasks: Tasks, start_worker: StartWorker) -> None:
    """`enqueue_many` takes arguments in order or by name, and returns a handle for each."""

    @tasks.task()
    def double(number: int) -> int:
        return number * 2

    handles = double.enqueue_many([(1,), {"number": 2}, (3,)])

    start_worker(tasks.broker)
    assert [handle.result(timedelta(seconds=10)) for handle in handles] == [2, 4, 6]


def test_many_runs_take_one_round_trip(make_tasks: MakeTasks, server: RedisServer) -> None:
    """On one server a hundred runs are one transaction."""
    tasks = make_tasks(server.url)

    @tasks.task()
    def noop() -> None: ...

    counts = commands(server, lambda: noop.enqueue_many([()] * 100))

    assert (counts["multi"], counts["exec"], counts["evalsha"]) == (1, 1, 100)


def test_thousands_of_runs_are_started_in_batches(make_tasks: MakeTasks, server: RedisServer) -> None:
    """All of them arrive, in order."""
    tasks = make_tasks(server.url)

    @tasks.task()
    def noop(number: int) -> None: ...

    handles = noop.enqueue_many([(number,) for number in range(1234)])

    taken = [delivery.message_id for delivery in take(transport_of(tasks), 2000)]
    assert taken == [handle.id for handle in handles]


def test_arguments_that_do_not_fit_start_nothing(tasks: Tasks) -> None:
    """If one of many is refused, none is started."""

    @tasks.task()
    def double(number: int) -> int:
        return number * 2

    with pytest.raises(TaskInputError):
        double.enqueue_many([(1,), {"wrong": 2}])
    with pytest.raises(TaskInputError, match="dict or a tuple"):
        double.enqueue_many([3])  # type: ignore[list-item]

    assert transport_of(tasks).do_qsize(QUEUE) == 0


def test_a_start_into_a_hole_leaves_nothing(make_tasks: MakeTasks, server: RedisServer, proxy: Proxy) -> None:
    """If the queue cannot be reached, nothing is started."""
    tasks = make_tasks(proxy.url)

    @tasks.task()
    def noop() -> None: ...

    noop.enqueue_many([()])
    proxy.fault = Fault.REFUSE
    proxy.cut()

    with pytest.raises(QueueUnavailableError):
        noop.enqueue_many([(), ()])

    with redis.Redis.from_url(server.url) as client:
        assert len(list(client.scan_iter(f"{tasks.config.namespace}:run:*"))) == 1


def test_a_key_that_is_taken_sends_nothing(tasks: Tasks) -> None:
    """A run that is not started, because one of its key lives, leaves no message either."""

    @tasks.task()
    def noop() -> None: ...

    first = noop.using(key="k").enqueue()
    second = noop.using(key="k").enqueue()

    assert second.id == first.id
    assert [delivery.message_id for delivery in take(transport_of(tasks))] == [first.id]


def test_a_priority_counts_in_the_queue(tasks: Tasks) -> None:
    """A more urgent run comes first."""

    @tasks.task()
    def noop() -> None: ...

    later, sooner = noop.enqueue(), noop.using(priority=7).enqueue()

    assert [delivery.message_id for delivery in take(transport_of(tasks))] == [sooner.id, later.id]


def test_a_run_of_an_unknown_task_is_rejected(
    make_tasks: MakeTasks, server: RedisServer, start_worker: StartWorker
) -> None:
    """The worker lives, the message is a dead letter, and the run FAILED."""
    sender, performer = make_tasks(server.url), make_tasks(server.url)

    @sender.task()
    def only_here() -> None: ...

    @performer.task()
    def known() -> int:
        return 1

    start_worker(performer.broker)
    handle = only_here.enqueue()

    wait_until(lambda: handle.refresh().is_terminal, "the run has ended")

    failure = handle.refresh().failure
    assert failure is not None
    assert failure.code == "REJECTED"
    assert known.enqueue().result(timedelta(seconds=5)) == 1
    assert [letter.message_id for letter in transport_of(performer).dead.read(QUEUE)] == [handle.id]


def test_a_broker_that_does_not_confirm_is_refused() -> None:
    """RabbitMQ without confirms may lose a run that was accepted."""
    with pytest.raises(ConfigurationError, match="confirm_delivery=True"):
        Tasks("redis://localhost", broker=RabbitmqBroker(url="amqp://localhost"))


def test_the_stock_broker_is_taken() -> None:
    """A project may keep Dramatiq's own broker."""
    broker = RedisBroker(url="redis://localhost")

    assert Tasks("redis://localhost", broker=broker).broker is broker
