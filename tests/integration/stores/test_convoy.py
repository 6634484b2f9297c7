"""Commands of several threads in one round trip."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from strawberry_tasks.errors import StoreUnavailableError
from strawberry_tasks.stores.convoy import Convoy
from strawberry_tasks.stores.redis_connections import Command, Connections
from tests.patience import SECONDS
from tests.processes import free_port, wait_until


class Gated(Connections):
    """Connections whose first exchange waits until it is let go, and which remember how many commands went together."""

    def __init__(self, url: str) -> None:
        super().__init__(url, client_name="test")
        self.sizes: list[int] = []
        self.open = threading.Event()

    def exchange(self, commands: Sequence[Command], *, repeatable: bool) -> list[Any]:
        """Wait, then exchange."""
        self.sizes.append(len(commands))
        assert self.open.wait(SECONDS)
        return super().exchange(commands, repeatable=repeatable)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    """Threads that want something."""
    with ThreadPoolExecutor(8) as executor:
        yield executor


def crowd(convoy: Convoy, connections: Gated, executor: ThreadPoolExecutor) -> list[Future[list[Any]]]:
    """Have one thread wait for the server, and seven come after it, the last with two commands."""
    wanted: list[list[Command]] = [[("ECHO", str(number))] for number in range(8)]
    wanted[-1].append(("NONSENSE",))
    first = executor.submit(convoy.exchange, wanted[0])
    wait_until(lambda: connections.sizes == [1], "the first to be under way", SECONDS)
    others = [executor.submit(convoy.exchange, commands) for commands in wanted[1:]]
    wait_until(lambda: convoy._boarding is not None and len(convoy._boarding.commands) == 8, "the others", SECONDS)
    return [first, *others]


def test_what_comes_meanwhile_goes_together(redis_url: str, executor: ThreadPoolExecutor) -> None:
    """The first goes alone and at once, all others with the next trip; each gets its own answers, an error among them."""
    connections = Gated(redis_url)
    futures = crowd(Convoy(connections), connections, executor)

    connections.open.set()
    answers = [future.result(SECONDS) for future in futures]

    assert connections.sizes == [1, 8]
    assert [answer[0] for answer in answers] == [str(number) for number in range(8)]
    assert isinstance(answers[-1][1], Exception)
    connections.close()


def test_all_hear_of_an_outage(executor: ThreadPoolExecutor) -> None:
    """Where the server is away, all that went together are told, and none waits on."""
    connections = Gated(f"redis://127.0.0.1:{free_port()}/0")
    futures = crowd(Convoy(connections), connections, executor)

    connections.open.set()

    for future in futures:
        with pytest.raises(StoreUnavailableError):
            future.result(SECONDS)


def test_it_goes_on_after_a_defect(redis_url: str, executor: ThreadPoolExecutor) -> None:
    """What goes wrong with a trip is raised by the one who leads it, fails those who go along, and hinders no later one."""
    connections = Gated(redis_url)
    convoy = Convoy(connections)
    leader, *others = crowd(convoy, connections, executor)
    convoy._boarding.commands[0] = (object(),)  # type: ignore[union-attr, assignment]  # cannot be sent

    connections.open.set()

    assert leader.result(SECONDS) == ["0"]
    errors = [other.exception(SECONDS) for other in others]
    assert sum(isinstance(error, StoreUnavailableError) for error in errors) == 6
    assert sum(isinstance(error, TypeError) for error in errors) == 1
    assert convoy.exchange([("ECHO", "after")]) == ["after"]
    connections.close()
