"""What the transport does where a worker begins and ends, and where it takes up a message."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from dramatiq import Worker
from dramatiq.broker import Broker, MessageProxy
from dramatiq.common import iter_queue
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware, SkipMessage

from .delivery import Delivery
from .turns import Turns, message_of

if TYPE_CHECKING:
    from .broker import RedisTransport

logger = logging.getLogger(__name__)


class WorkerBoundary(Middleware):
    """Stands before all other middleware of a transport, which adds it itself."""

    def __init__(self, transport: RedisTransport) -> None:
        self._transport = transport

    @property
    def actor_options(self) -> set[str]:
        """Dramatiq's name for the priority that a queue knows of: the higher, the earlier."""
        return {"broker_priority"}

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Let messages in, have the queues take turns, and say what the server may lose."""
        _refuse_gevent()
        worker.work_queue = Turns(self._transport.weights)
        self._transport.stopping = False
        for loss in self._transport.losses():
            logger.warning(loss)

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Give back at once what no thread has begun: Dramatiq would wait for those that have."""
        end_intake(self._transport, worker)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Skip what is in other hands, and note the beginning of what may kill the worker."""
        if not isinstance(message, Delivery):
            return
        if message.lost:
            raise SkipMessage("It is in other hands.")
        if message.suspect:
            self._transport.begin(message)


def _refuse_gevent() -> None:
    """End the process where threads are gevent's: its queues know no turns, and neither limits nor leases reach its greenlets."""
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        logger.critical(
            "The Redis transport needs real threads, and gevent has replaced them. Use `dramatiq` or `strawberry-tasks worker` in "
            "place of `dramatiq-gevent`; async tasks need no thread each."
        )
        sys.exit(2)


def end_intake(transport: RedisTransport, worker: Worker) -> None:
    """Take no more messages, and give back what was fetched and no thread has begun; harmless when it was done before."""
    waiting = []
    for item in iter_queue(worker.work_queue):  # type: ignore[no-untyped-call]
        waiting.append(message_of(item))
        worker.work_queue.task_done()
    try:
        transport.stop_intake([message for message in waiting if isinstance(message, Delivery)])
    except ConnectionClosed as error:
        logger.warning("Messages that were fetched wait for their leases to lapse: %s", error)
