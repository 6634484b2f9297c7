"""The Lua scripts, as they have to be so that a Redis that is full can empty."""

from __future__ import annotations

from importlib.resources import files

import pytest

PACKAGES = ("strawberry_tasks.stores", "strawberry_tasks.backends.redis_transport")

GIVE_WAY = {"create", "enqueue"}
"""Those that bring something new, which are refused for want of memory."""

TAKE_NOTHING = {"depth", "forget", "letters", "list", "waiting"}
"""Those that only read, or take something away."""

PARTS = {"call", "shared"}
"""What others begin with."""

SCRIPTS = {
    (package, path.name.removesuffix(".lua")): path.read_text(encoding="utf-8")
    for package in PACKAGES
    for path in files(package).iterdir()
    if path.name.endswith(".lua")
}


@pytest.mark.parametrize(
    "script", sorted(script for script in SCRIPTS if script[1] not in GIVE_WAY | TAKE_NOTHING | PARTS), ids=".".join
)
def test_what_ends_or_renews_something_writes_though_memory_is_short(script: tuple[str, str]) -> None:
    """Redis would refuse it otherwise, so that memory stays short."""
    assert "write_though_full" in SCRIPTS[script]


@pytest.mark.parametrize("script", sorted(script for script in SCRIPTS if script[1] in GIVE_WAY), ids=".".join)
def test_what_is_new_gives_way(script: tuple[str, str]) -> None:
    """Or there would be no end to it."""
    assert "write_though_full" not in SCRIPTS[script]
