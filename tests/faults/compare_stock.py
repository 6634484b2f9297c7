"""Inflicts the same faults on our transport and on Dramatiq's own Redis broker, and prints what became of the runs.

Run it as ``python tests/faults/compare_stock.py [words of a fault's name]``; it takes some minutes.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from strawberry_tasks import TaskStatus
from tests.faults.afflictions import OF_ONE, SHORT, Affliction
from tests.faults.incident import BUSY, Aftermath, Incident, Moment, Story
from tests.faults.stage import Exposed, Stage

COMPLETED = "completed"

PATIENCE = 25
"""Seconds within which a run has to end once the fault is over."""


CASES: list[tuple[Affliction, Exposed]] = [
    *((affliction, Exposed.BOTH) for affliction in SHORT),
    *((affliction, Exposed.QUEUE) for affliction in OF_ONE),
]


def play(affliction: Affliction, exposed: Exposed, *, stock: bool) -> dict[Moment, str]:
    """Let a fault strike one of the two, and tell what became of the run at each moment."""
    told: dict[Moment, str] = {}
    for moments in (BUSY, [Moment.IDLE]):
        with tempfile.TemporaryDirectory() as directory, Stage(Path(directory), stock=stock, exposed=exposed) as stage:
            try:
                aftermath = asyncio.run(Incident(stage, affliction, moments, patience=PATIENCE).unfold())
            except AssertionError as error:
                told.update(dict.fromkeys(moments, f"not reached ({error})"))
                continue
        told.update({moment: tell(aftermath, story, affliction) for moment, story in aftermath.stories.items()})
    return told


def tell(aftermath: Aftermath, story: Story, affliction: Affliction) -> str:
    """Say in a few words what became of a run."""
    if story.refused:
        return "refused" + (", yet left behind" if aftermath.strangers else "")
    if story.last is None:
        return "**gone**"
    if not story.last.is_terminal:
        return f"**{story.last.status} after {PATIENCE} s**"
    faults = []
    if story.last.status is not TaskStatus.COMPLETED:
        faults.append(str(story.last.status))
    if not story.is_in_order:
        faults.append("watcher misled")
    allowed = 1 + story.failures + (1 if affliction.loses_attempts else 0)
    if len(story.executions) > allowed or len(set(story.executions)) < len(story.executions):
        faults.append("ran again")
    return f"**{', '.join(faults)}**" if faults else COMPLETED


def summary(told: dict[Moment, str]) -> str:
    """Say what became of all runs, and of which not the same as of the others."""
    by_outcome: dict[str, list[Moment]] = {}
    for moment, outcome in told.items():
        by_outcome.setdefault(outcome, []).append(moment)
    parts = [
        outcome if outcome == COMPLETED else f"{outcome}: {', '.join(moments)}"
        for outcome, moments in by_outcome.items()
    ]
    return "; ".join(sorted(parts, key=lambda part: part != COMPLETED))


def main() -> None:
    """Print a table for documents."""
    words = " ".join(sys.argv[1:])
    print("| fault | our transport | stock `RedisBroker` |", "|---|---|---|", sep="\n", flush=True)
    for affliction, exposed in CASES:
        name = affliction.name if exposed is Exposed.BOTH else f"{affliction.name}, {exposed} only"
        if words in name:
            ours, stock = (summary(play(affliction, exposed, stock=stock)) for stock in (False, True))
            print(f"| {name} | {ours} | {stock} |", flush=True)


if __name__ == "__main__":
    main()
