"""Keeps Django processes that tests start from looking for GDAL; Python imports it by itself where this folder is on its path.

strawberry_django asks for Django's GIS fields, and those look for twelve versions of a library, each with ldconfig, the compiler and
the linker: three hundred processes for each that a test starts, where a compiler is installed.
"""

from __future__ import annotations

import ctypes.util

_find = ctypes.util.find_library


def _find_library(name: str) -> str | None:
    return None if name.lower().startswith("gdal") else _find(name)


ctypes.util.find_library = _find_library
