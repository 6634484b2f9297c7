"""Thin connections to other software, independent of each other; import them by name."""
