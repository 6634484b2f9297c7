"""What a test needs of the machine: skipped without it on a desk, required in CI."""

from __future__ import annotations

import os

import pytest


def require(what: str, present: bool, why: str) -> None:
    """Go on if it is there; else skip the test, or fail it when ``CI`` is set.

    Args:
        what: Its name, e.g. "Chromium".
        present: Whether it is there.
        why: What was looked for, or how to get it.
    """
    __tracebackhide__ = True
    if present:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{what} is required when CI is set: {why}", pytrace=False)
    pytest.skip(f"needs {what}: {why}")
