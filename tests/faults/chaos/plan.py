"""What a seed stands for: which runs there are, and which faults strike when."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

WORKERS = 3
"""How many worker processes there are."""


class Kind(StrEnum):
    """The faults."""

    KILL_WORKER = "kill a worker"
    STOP_WORKER = "stop a worker past its lease"
    END_WORKER = "terminate a worker"
    PART_WORKER = "cut a worker off"
    KILL_REDIS = "kill Redis"
    REFUSE = "refuse connections"
    BLACK_HOLE = "black hole"
    LOSE_ANSWERS = "lose answers"
    SLOW = "slow answers"
    CUT = "cut all connections"
    CUT_SUBSCRIBERS = "cut subscribed connections"
    FLUSH_SCRIPTS = "forget the scripts"
    KILL_SUBSCRIBER = "kill the web process"


COSTLY = frozenset({Kind.KILL_WORKER, Kind.STOP_WORKER, Kind.END_WORKER, Kind.PART_WORKER})
"""Those that take a worker's attempts from it."""

UNEVEN = frozenset({Kind.LOSE_ANSWERS})
"""Those that part any worker from the others: whoever has a connection left is heard for once more, whoever has none is not."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault."""

    kind: Kind
    at: int
    """It strikes when so many runs were accepted."""

    worker: int
    """Which worker, where it is about one."""

    seconds: float
    """How long it lasts, where it lasts."""

    def __str__(self) -> str:
        worker = f" (worker {self.worker})" if self.kind in COSTLY else ""
        return f"after {self.at} runs: {self.kind}{worker}, {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Part:
    """What one run does."""

    is_async: bool
    steps: int
    pace: int
    failures: int
    hopeless: bool
    delay: timedelta | None
    cancel_after: float | None
    """Seconds after which it is canceled."""


class Plan:
    """All that is left to chance.

    Args:
        seed: Where it comes from.
        runs: How many runs there are.
        faults: How many faults strike.
        longest: How many seconds the longest one lasts.
    """

    def __init__(self, seed: int, *, runs: int, faults: int, longest: float) -> None:
        self._seed = seed
        self.runs = runs
        self.strikes = list(_strikes(random.Random(seed), runs, faults, longest))

    def parts(self) -> Iterator[Part]:
        """Return what each run does."""
        chance = random.Random(f"parts of {self._seed}")
        for _ in range(self.runs):
            yield _part(chance)


def _strikes(chance: random.Random, runs: int, faults: int, longest: float) -> Iterator[Strike]:
    deck: list[Kind] = []
    for number in range(faults):
        if not deck:
            # Each kind comes once before any comes again.
            deck = list(Kind)
            chance.shuffle(deck)
        at = (2 * number + 1) * runs // (2 * faults)
        yield Strike(deck.pop(), at, chance.randrange(WORKERS), chance.uniform(0.2, longest))


def _part(chance: random.Random) -> Part:
    length = chance.choices(["none", "some", "many"], [70, 25, 5])[0]
    steps, pace = {"none": (0, 0), "some": (5, 10), "many": (20, 60)}[length]
    return Part(
        is_async=chance.random() < 0.3,
        steps=steps,
        pace=pace,
        failures=chance.choices([0, 1, 2], [85, 10, 5])[0],
        hopeless=chance.random() < 0.05,
        delay=timedelta(seconds=chance.uniform(0, 2)) if chance.random() < 0.05 else None,
        cancel_after=chance.uniform(0, 1) if chance.random() < 0.03 else None,
    )
