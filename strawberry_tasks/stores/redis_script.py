"""Lua scripts, and the calls of them; two can be joined into one, so that both happen or neither."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from .redis_connections import Command

_JOINED = """
local function first(KEYS, ARGV)
{first}
end

local function second(KEYS, ARGV)
{second}
end

local keys, words = tonumber(ARGV[1]), tonumber(ARGV[2])
local answer = first({{unpack(KEYS, 1, keys)}}, {{unpack(ARGV, 3, words + 2)}})
if answer then
  second({{unpack(KEYS, keys + 1)}}, {{unpack(ARGV, words + 3)}})
end
return answer
"""


class Script:
    """A Lua script, called by its hash."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: Sequence[str], *arguments: str | int | bytes) -> Call:
        """Return a call of it."""
        return Call(self, tuple(keys), arguments)


class Call(NamedTuple):
    """A script, and what it is called with."""

    script: Script
    keys: tuple[str, ...]
    arguments: tuple[str | int | bytes, ...]

    @property
    def command(self) -> Command:
        """The words of the call."""
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.arguments)

    def then(self, second: Call) -> Call:
        """Return the call that does this, and the second one if this answers anything but false; it answers as this does."""
        return Call(
            _joined(self.script, second.script),
            (*self.keys, *second.keys),
            (len(self.keys), len(self.arguments), *self.arguments, *second.arguments),
        )


def load_script(package: str, *names: str) -> Script:
    """Read the parts of a script, files of that package without their ``.lua``; ``call.lua`` comes before them."""
    parts = [files(__package__) / "call.lua", *(files(package) / f"{name}.lua" for name in names)]
    return Script("\n".join(part.read_text(encoding="utf-8") for part in parts))


@lru_cache
def _joined(first: Script, second: Script) -> Script:
    return Script(_JOINED.format(first=first.text, second=second.text))
