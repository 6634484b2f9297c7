"""Says at a worker's start what its server may lose."""

from __future__ import annotations

import logging

from dramatiq.errors import ConnectionClosed
from redis import ResponseError

from .link import Link

logger = logging.getLogger(__name__)


def warn_of_losses(link: Link) -> None:
    """Log a warning if the server keeps no append-only file, or evicts keys; silent where it may not be asked."""
    if _setting(link, "appendonly") == "no":
        logger.warning(
            "This Redis keeps no append-only file: what was enqueued shortly before it crashes is lost. Set `appendonly yes`."
        )
    policy = _setting(link, "maxmemory-policy")
    if policy not in {None, "noeviction"}:
        logger.warning(
            "This Redis evicts keys when its memory is full (%s): runs and messages are lost then. "
            "Set `maxmemory-policy noeviction`.",
            policy,
        )


def _setting(link: Link, name: str) -> str | None:
    try:
        answer = link.send("CONFIG", "GET", name)
    except (ConnectionClosed, ResponseError):
        return None
    return answer[1].decode() if answer else None
