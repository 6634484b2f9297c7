"""Says what a server may lose."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dramatiq.errors import ConnectionClosed
from redis import ResponseError

from .link import Link


def losses_of(link: Link) -> list[str]:
    """Tell what a transport's server may lose; nothing where it may not be asked."""
    return list(losses(lambda name: _setting(link, name)))


def losses(setting: Callable[[str], str | None]) -> Iterator[str]:
    """Tell by which of its settings a server may lose runs.

    Args:
        setting: Returns the server's setting of that name, ``None`` if it cannot be asked.
    """
    if setting("appendonly") == "no":
        yield (
            "This Redis keeps no append-only file: what was enqueued shortly before it crashes is lost. Set `appendonly yes`."
        )
    policy = setting("maxmemory-policy")
    if policy not in {None, "noeviction"}:
        yield (
            f"This Redis evicts keys when its memory is full ({policy}): runs and messages are lost then. "
            "Set `maxmemory-policy noeviction`."
        )


def _setting(link: Link, name: str) -> str | None:
    try:
        answer = link.send("CONFIG", "GET", name)
    except (ConnectionClosed, ResponseError):
        return None
    return answer[1].decode() if answer else None
