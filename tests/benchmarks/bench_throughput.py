"""How many tracked runs are enqueued and performed a second, beside untracked messages over the same transport.

A tracked run writes its state three times (created, running, completed) and takes arguments and a result through the codec; an
untracked one is a message and nothing else.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from report import in_turns, ratio, show
from server import fresh_namespace, redis_url
from workers import configure, workers

ENQUEUE_ROUNDS = 10
ENQUEUED = 200
ROUNDS = 3
RUNS = 3000
THREADS = 8


def main() -> None:
    """Measure and print."""
    with redis_url() as url, fresh_namespace(url) as namespace:
        configure(url, namespace)
        _show_enqueue()
        for processes in (1, 2):
            _show_performed(processes)


def _enqueue(send: Callable[[], object], count: int) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        send()
    return count / (time.perf_counter() - begin)


def _show_enqueue() -> None:
    from tracked import no_op, untracked_no_op  # noqa: PLC0415 - it reads what `configure` has set

    measures = {
        "untracked send()": lambda: _enqueue(untracked_no_op.send, ENQUEUED),
        "enqueue()": lambda: _enqueue(no_op.enqueue, ENQUEUED),
    }
    _show(f"Enqueued one by one, per second, {ENQUEUE_ROUNDS} runs of {ENQUEUED}", in_turns(ENQUEUE_ROUNDS, measures))


def _show_performed(processes: int) -> None:
    from tracked import broker, no_op, untracked_no_op  # noqa: PLC0415 - it reads what `configure` has set

    def perform(queue: str, send: Callable[[], object]) -> float:
        broker.flush(queue)
        _enqueue(send, RUNS)
        with workers(processes, threads=THREADS, queues=[queue]):
            return _rate(lambda: broker.do_qsize(queue))

    measures = {
        "untracked": lambda: perform("untracked", untracked_no_op.send),
        "tracked": lambda: perform("tracked", no_op.enqueue),
    }
    title = f"Performed, per second, {processes} worker processes × {THREADS} threads, {ROUNDS} runs of {RUNS}"
    _show(title, in_turns(ROUNDS, measures))


def _rate(unfinished: Callable[[], int]) -> float:
    """Return the rate between a tenth and nine tenths of the work, which leaves out the workers' start and end."""
    _wait_until(lambda: unfinished() < 0.9 * RUNS)
    first, begin = unfinished(), time.perf_counter()
    _wait_until(lambda: unfinished() < 0.1 * RUNS)
    last, end = unfinished(), time.perf_counter()
    return (first - last) / (end - begin)


def _wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("The workers do not get on.")
        time.sleep(0.005)


def _show(title: str, figures: dict[str, list[float]]) -> None:
    base = next(iter(figures))
    rows = [[name, statistics.median(rates), ratio(figures, name, base)] for name, rates in figures.items()]
    show(title, ["", "median", f"ratio to {base}"], rows)


if __name__ == "__main__":
    main()
