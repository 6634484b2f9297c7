"""The Redis transport: Dramatiq's broker, with nothing lost and no polling."""

from .broker import MAX_PRIORITY, Enqueuing, RedisTransport
from .letters import DeadLetter, DeadReason, QueueDepth

__all__ = ["MAX_PRIORITY", "DeadLetter", "DeadReason", "Enqueuing", "QueueDepth", "RedisTransport"]
