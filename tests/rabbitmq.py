"""The RabbitMQ that tests share."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

import pika

from tests.requirements import require


def require_rabbitmq() -> str:
    """Return where RabbitMQ is: ``RABBITMQ_URL``, or this machine."""
    __tracebackhide__ = True
    url = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
    place = urlsplit(url)
    with socket.socket() as probe:
        is_there = probe.connect_ex((place.hostname or "127.0.0.1", place.port or 5672)) == 0
    require("RabbitMQ", is_there, "nobody answers at RABBITMQ_URL, by default amqp://127.0.0.1:5672")
    return url


def delete_rabbitmq_queues(url: str, *queues: str) -> None:
    """Remove queues, and the exchanges that were made for them alone."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for name in queues:
            channel.queue_delete(name)
            channel.exchange_delete(name)
