"""The schema extension: what it does around each operation."""

from __future__ import annotations

from collections.abc import Iterator

from ..starter import operation
from .registry import TasksExtension, registries_at
from .returned import show_handles


class OperationExtension(TasksExtension):
    """Lets resolvers of the user's own start runs for the operation's viewer, and return their handles."""

    def on_execute(self) -> Iterator[None]:
        """Stand around the execution of an operation, be it sync or async."""
        # A plain `strawberry.Schema` says nothing when it is made. Where it has the tasks of several, each field refuses.
        if len(registries_at(self.execution_context.schema)) == 1:
            show_handles(self.execution_context.schema, self.registry)
        with operation(self.execution_context.context):
            yield
