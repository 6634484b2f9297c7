"""What a test needs is optional on a desk and required in CI."""

from __future__ import annotations

import pytest

from tests.requirements import require


def test_what_is_there_changes_nothing() -> None:
    """The test goes on when its need is met."""
    require("a cat", True, "none was seen")


def test_missing_on_a_desk_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ``CI``, a test whose need is not met is skipped, with the reason."""
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="a cat: none was seen"):
        require("a cat", False, "none was seen")


def test_missing_in_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``CI`` set, a test whose need is not met fails, with the reason."""
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="a cat is required when CI is set: none was seen"):
        require("a cat", False, "none was seen")
