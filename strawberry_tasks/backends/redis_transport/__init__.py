"""The Redis transport: Dramatiq's broker, with nothing lost and no polling."""

from .broker import RedisTransport
from .calls import Enqueuing
from .letters import DeadLetter, DeadReason, QueueDepth
from .priority import MAX_PRIORITY

__all__ = ["MAX_PRIORITY", "DeadLetter", "DeadReason", "Enqueuing", "QueueDepth", "RedisTransport"]
