"""What the workers of a `Peer` load; ``BENCH_PEER``, ``BENCH_URL`` and ``BENCH_NAMESPACE`` say which."""

from __future__ import annotations

import os

from peers import PEERS

target = PEERS[os.environ["BENCH_PEER"]](os.environ["BENCH_URL"], os.environ["BENCH_NAMESPACE"]).target
