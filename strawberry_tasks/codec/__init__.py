"""Typed values of arguments and results ⇄ JSON."""

from .codec import Codec, input_codec, output_codec
from .shape import Files

__all__ = ["Codec", "Files", "input_codec", "output_codec"]
