"""The public types, as mypy and Pyright see them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytest.importorskip("mypy", reason="the version matrix runs without it; `make test` has it")

# The first run after a change checks all that the package imports.


@pytest.mark.parametrize("path", sorted(ROOT.joinpath("tests", "typing").glob("*.py")), ids=lambda path: path.stem)
def test_public_types(path: Path) -> None:
    """Each file has just the errors that it expects; an `ignore` that is not needed is an error, too."""
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", str(path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )

    assert checked.returncode == 0, checked.stdout


def test_public_types_for_pyright() -> None:
    """Pyright, in its strict mode, agrees."""
    pytest.importorskip("basedpyright", reason="the version matrix runs without it; `make test` has it")
    checked = subprocess.run(
        [sys.executable, "-m", "basedpyright"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )

    assert checked.returncode == 0, checked.stdout
