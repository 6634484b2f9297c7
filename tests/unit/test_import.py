"""What ``import strawberry_tasks`` brings along."""

import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def imported() -> frozenset[str]:
    """The top-level modules that a fresh process has after the import, and our own modules."""
    code = "import sys, strawberry_tasks; print(*sys.modules)"

    listed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    return frozenset(name if name.startswith("strawberry_tasks.") else name.partition(".")[0] for name in listed)


@pytest.mark.parametrize(
    "module", ["channels", "django", "redis", "starlette", "strawberry_django", "uvicorn", "pika", "httpx"]
)
def test_imports_no_framework_and_no_client(imported: frozenset[str], module: str) -> None:
    """Neither a web framework nor the client of a server that may not be used is imported."""
    assert "strawberry" in imported
    assert module not in imported


@pytest.mark.parametrize(
    "module", ["stores.memory", "stores.redis", "backends.dramatiq", "testing", "contrib", "django"]
)
def test_imports_only_the_parts_that_every_project_uses(imported: frozenset[str], module: str) -> None:
    """Stores, backends and contributed modules are imported when somebody asks for them."""
    assert "strawberry_tasks.app" in imported
    assert f"strawberry_tasks.{module}" not in imported
