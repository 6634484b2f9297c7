"""A Redis of the test's own, and the way to it that breaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps.scenarios import Gate


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """What some tasks wait for; it is open after the test."""
    gate = Gate(str(tmp_path / "gate"))
    yield gate
    gate.open()
