"""The tasks that well-known GraphQL documents ask for."""

from __future__ import annotations

from typing import Any

import strawberry

from strawberry_tasks import Tasks


@strawberry.type
class InventoryReport:
    """What a synchronisation did."""

    updated: int


class Seeds:
    """The tasks, declared."""

    def __init__(self, tasks: Tasks) -> None:
        self.sync_inventory = tasks.mutation()(sync_inventory)
        self.generate_report = tasks.mutation()(generate_report)


def sync_inventory(info: strawberry.Info[Any, Any], provider: str) -> InventoryReport:
    """Pull stock levels from a provider."""
    task = info.context.task
    task.update_progress(10, f"Fetching from {provider}...")
    task.update_progress(50, "Updating local database...")
    task.update_progress(100, "Complete")
    return InventoryReport(updated=42)


async def generate_report(info: strawberry.Info[Any, Any], dataset_id: str) -> dict[str, Any]:
    """Render a report of a dataset."""
    info.context.task.update_progress(100, "Rendered")
    return {"dataset": dataset_id, "pages": 3}
