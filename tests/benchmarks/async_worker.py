"""What ``dramatiq`` loads for `bench_async`: one task that waits."""

from __future__ import annotations

import asyncio
import os

from strawberry_tasks import Tasks

tasks = Tasks(os.environ["BENCH_URL"], namespace=os.environ["BENCH_NAMESPACE"])


@tasks.task(queue="bench", max_retries=0)
async def wait(seconds: float) -> None:
    """Wait, and do nothing else."""
    await asyncio.sleep(seconds)
