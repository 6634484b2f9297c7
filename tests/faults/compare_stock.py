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
from tests.faults.afflictions import SHORT, Affliction
from tests.faults.incident import BUSY, Aftermath, Incident, Moment, Story
from tests.faults.stage import Stage

PATIENCE = 25
"""Seconds within which a run has to end once the fault is over."""


def play(affliction: Affliction, *, stock: bool) -> dict[Moment, str]:
    """Let a fault strike one of the two, and tell what became of the run at each moment."""
    told: dict[Moment, str] = {}
    for moments in (BUSY, [Moment.IDLE]):
        with tempfile.TemporaryDirectory() as directory, Stage(Path(directory), stock=stock) as stage:
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
    return f"**{', '.join(faults)}**" if faults else "completed"


def main() -> None:
    """Print a table for documents."""
    words = " ".join(sys.argv[1:])
    print("| fault | moment | our transport | stock `RedisBroker` |", "|---|---|---|---|", sep="\n", flush=True)
    for affliction in SHORT:
        if words not in affliction.name:
            continue
        ours, stock = play(affliction, stock=False), play(affliction, stock=True)
        for moment in Moment:
            print(f"| {affliction.name} | {moment} | {ours[moment]} | {stock[moment]} |", flush=True)


if __name__ == "__main__":
    main()
