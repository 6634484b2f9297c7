"""Reads the rows of a task's output as strawberry_django would: for this viewer, and with what is selected of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import strawberry

from .. import _compat
from ..codec.rows import Path, Place, Reader, read_all

Info = strawberry.Info[Any, Any]


def reader_of(info: Info) -> Reader:
    """Return what reads the rows of the field that is being resolved.

    Call it in the field's resolver. What it returns may be called in any thread where the ORM may be used.
    """
    optimizer = _optimizer(info)

    def view(rows: Any, place: Place) -> Any:
        selected = _compat.subfield(info, place.path)
        narrow = getattr(place.row.shown_as, "get_queryset", None)
        if place.row.narrowed and narrow is not None:
            rows = narrow(rows, selected or info)
        return rows if optimizer is None or selected is None else _optimized(optimizer, rows, selected, place.path)

    return lambda places: read_all(places, view)


def _optimizer(info: Info) -> Any:
    """Return the `DjangoOptimizerExtension` of this execution, None if it has none."""
    module = _module()
    if module is None:
        return None
    kind = module.DjangoOptimizerExtension
    # While an event of a subscription is resolved, the extension does not say that it is there.
    found = module.optimizer.get() or next((e for e in _extensions(info) if isinstance(e, kind)), None)
    return found if found is not None and found.enabled.get() else None


def _module() -> Any:
    # A schema that has the extension has imported it; nobody else is to pay for that.
    return sys.modules.get("strawberry_django.optimizer")


def _extensions(info: Info) -> Iterator[object]:
    for extension in info.schema.extensions:
        made: Any = extension
        yield made() if callable(made) else made


def _optimized(optimizer: Any, rows: Any, selected: Info, path: Path) -> Any:
    module = _module()
    is_query = selected.operation.operation.value == "query"
    config = module.OptimizerConfig(
        # Fields that are left out would be read one by one where an object's own resolver wants them of its rows.
        enable_only=optimizer.enable_only and is_query and not path,
        enable_select_related=optimizer.enable_select_related,
        enable_prefetch_related=optimizer.enable_prefetch_related,
        enable_annotate=optimizer.enable_annotate_optimization,
        enable_nested_relations_prefetch=optimizer.enable_nested_relations_prefetch,
        prefetch_custom_queryset=optimizer.prefetch_custom_queryset,
    )
    return module.optimize(rows, selected, config=config)
