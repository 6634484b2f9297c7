"""The sources themselves."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES = 400


def test_no_file_is_longer_than_one_can_read() -> None:
    """What grows longer has become two things; split it."""
    folders = [ROOT / name for name in ("strawberry_tasks", "tests", "sample_app")]
    files = [path for folder in folders for kind in ("*.py", "*.lua", "*.js") for path in folder.rglob(kind)]
    files = [path for path in files if "node_modules" not in path.parts]

    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}

    assert len(lengths) > 200
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}
