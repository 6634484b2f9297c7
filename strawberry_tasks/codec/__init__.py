"""Typed values of arguments and results ⇄ JSON."""

from .codec import Codec, input_codec, output_codec
from .schema_view import WITHOUT_SCHEMA, SchemaView
from .shape import Files

__all__ = ["WITHOUT_SCHEMA", "Codec", "Files", "SchemaView", "input_codec", "output_codec"]
