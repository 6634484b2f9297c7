"""Names of test cases that are the same in every process."""

from __future__ import annotations

import re


def label(value: object) -> str:
    """Return the start of a value's `repr`, without the address that it may have."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))[:60]
