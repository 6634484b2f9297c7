"""How urgent a message is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dramatiq.message import Message

MAX_PRIORITY: Final = 1000
"""Priorities beyond this, or below its negative, count as this."""


def priority_of(message: Message[Any], actor_options: Mapping[str, Any]) -> int:
    """Return the priority of a message, or else of its actor; the higher, the earlier it comes."""
    priority = int(message.options.get("broker_priority", actor_options.get("broker_priority", 0)))
    return max(-MAX_PRIORITY, min(MAX_PRIORITY, priority))
