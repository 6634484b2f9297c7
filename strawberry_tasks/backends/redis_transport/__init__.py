"""The Redis transport: Dramatiq's broker, with nothing lost and no polling."""

from .broker import MAX_PRIORITY, RedisTransport
from .letters import DeadLetter, DeadReason, QueueDepth

__all__ = ["MAX_PRIORITY", "DeadLetter", "DeadReason", "QueueDepth", "RedisTransport"]
