"""Figures of benchmarks, and the tables that show them.

Absolute figures say more about the machine than about the code. What counts is measured beside something bare, in turns with it,
and told as the ratio of the medians.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence


def in_turns(rounds: int, measures: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Take each measure once a round, so that what else the machine does meets all alike; a round before that warms up."""
    figures: dict[str, list[float]] = {name: [] for name in measures}
    for turn in range(rounds + 1):
        for name, measure in measures.items():
            figure = measure()
            if turn > 0:
                figures[name].append(figure)
    return figures


def ratio(figures: Mapping[str, Sequence[float]], name: str, base: str) -> float:
    """Return how many times the median of one measure is that of another."""
    return statistics.median(figures[name]) / statistics.median(figures[base])


def percentile(figures: Sequence[float], percent: int) -> float:
    """Return what so many percent of the figures stay below."""
    return statistics.quantiles(figures, n=100, method="inclusive")[percent - 1]


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers stand on the right, with as many digits as they deserve."""
    texts = [[_text(cell) for cell in row] for row in [columns, *rows]]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    print(f"\n{title}")
    for line in texts:
        first, *others = (
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  " + "  ".join([first, *others]))


def _text(cell: object) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.0f}" if cell >= 1000 else f"{cell:.3g}"
