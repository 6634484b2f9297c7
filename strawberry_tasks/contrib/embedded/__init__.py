"""A Redis-compatible server for demos and tests, where none is running."""

from .server import EmbeddedServer, ServerNotFoundError, find_server
from .watchdog import end_watched, start_watched

__all__ = ["EmbeddedServer", "ServerNotFoundError", "end_watched", "find_server", "start_watched"]
