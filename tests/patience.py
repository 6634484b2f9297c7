"""How long tests wait for what has to come: far longer than it takes, since the machine may stand still meanwhile."""

from __future__ import annotations

from datetime import timedelta

PATIENCE = timedelta(minutes=1)
SECONDS = PATIENCE.total_seconds()
