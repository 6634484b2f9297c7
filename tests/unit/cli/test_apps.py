"""How commands find the tasks that they are about."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strawberry_tasks import Tasks
from strawberry_tasks.cli.apps import AppNotFoundError, find_app


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory to be in, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(project: Path, name: str, *lines: str) -> None:
    path = project / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["from strawberry_tasks import Tasks", *lines]))


def test_an_attribute_of_a_module_in_the_current_directory_is_found(project: Path) -> None:
    """``shop.tasks:background`` needs no PYTHONPATH."""
    write(project, "shop_a/__init__.py")
    write(project, "shop_a/tasks.py", "class holder: background = Tasks('memory://')")

    app = find_app("shop_a.tasks:holder.background")

    assert isinstance(app.tasks, Tasks)
    assert app.path == "shop_a.tasks:holder.background"


def test_the_only_tasks_of_a_module_needs_no_name(project: Path) -> None:
    """A module with one `Tasks`, under however many names, is enough."""
    write(project, "shop_b.py", "background = Tasks('memory://')", "alias = background")

    assert find_app("shop_b").path == "shop_b:background"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "expected module:attribute"),
        ("shop_x:tasks", "found no 'shop_x' in "),
        (
            "shop_c.taks:tasks",
            "looked for the module 'shop_c.taks', found no 'taks' in 'shop_c'. Did you mean 'tasks'?",
        ),
        ("shop_c.tasks:slo", "which has no 'slo'. Found the Tasks fast, slow. Did you mean 'slow'?"),
        (
            "shop_c.tasks",
            "expected one Tasks in the module 'shop_c.tasks', found the Tasks fast, slow. Name it: shop_c.tasks:fast",
        ),
        ("shop_c.tasks:other", "expected shop_c.tasks:other to be a Tasks, got int. Found the Tasks fast, slow."),
        ("shop_c", "expected a Tasks in the module 'shop_c', found none there."),
        ("shop_c.broken:tasks", "ZeroDivisionError"),
        ("shop_c.lacking:tasks", "No module named 'not_installed'"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(project: Path, path: str, told: str) -> None:
    """The message says what was looked for, and what was found in its place."""
    write(project, "shop_c/__init__.py")
    write(project, "shop_c/tasks.py", "fast = Tasks('memory://')", "slow = Tasks('memory://')", "other = 1")
    write(project, "shop_c/broken.py", "1 / 0")
    write(project, "shop_c/lacking.py", "import not_installed")

    with pytest.raises(AppNotFoundError) as caught:
        find_app(path)

    assert told in str(caught.value)
