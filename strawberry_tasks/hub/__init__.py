"""One process's fan-out: one link to the store, any number of subscribers."""

from .hub import Hub

__all__ = ["Hub"]
