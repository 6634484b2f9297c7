"""The schema for Apollo Federation."""

from .schema.extension import FederationSchema as Schema

__all__ = ["Schema"]
