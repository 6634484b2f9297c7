"""The Python examples of the README and the documentation work as they stand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.documents import DocumentRun

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_work(path: Path) -> None:
    """Every Python block of the document runs without an error, in the order of reading."""
    DocumentRun(path)()


def test_a_broken_example_is_reported_with_its_line(tmp_path: Path) -> None:
    """A failing block fails the test, and its traceback points into the document."""
    document = _write(tmp_path, "Text.", "```python\nwell = 1\nwell.gone\n```")

    with pytest.raises(AttributeError) as caught:
        DocumentRun(document)()

    assert caught.traceback[-1].path == document
    assert caught.traceback[-1].lineno + 1 == 5


def test_blocks_share_their_names(tmp_path: Path) -> None:
    """What one block defines, a later one sees."""
    document = _write(tmp_path, "```python\none = 1\n```", "```python\nassert one == 1\n```")

    ran = DocumentRun(document)()

    assert ran == 2


def test_a_block_may_await(tmp_path: Path) -> None:
    """A block may use ``await`` at its top level."""
    document = _write(tmp_path, "```python\nimport asyncio\ndone = await asyncio.sleep(0, 'done')\nassert done\n```")

    ran = DocumentRun(document)()

    assert ran == 1


def test_a_named_block_can_be_imported(tmp_path: Path) -> None:
    """A block that starts with a file name is a module to later blocks, and to nobody once the document is read."""
    document = _write(
        tmp_path,
        "```python\n# shop/tasks.py\nanswer = 42\n```",
        "```python\n# shop/schema.py\nfrom shop.tasks import answer\nassert answer == 42\n```",
    )

    ran = DocumentRun(document)()

    assert ran == 2
    assert "shop" not in sys.modules
    assert "shop.tasks" not in sys.modules


def _write(directory: Path, *parts: str) -> Path:
    document = directory / "page.md"
    document.write_text("\n\n".join(parts) + "\n")
    return document
