"""The schema for Apollo Federation."""

from .schema.subgraph import FederationSchema as Schema

__all__ = ["Schema"]
