"""What ``result`` shows of Django rows: their keys, where their type shows them; the rest is read when `output` is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from .._compat import ID, StrawberryObjectDefinition, field_type
from ..snapshot import JSON
from .schema_view import SchemaView
from .shape import MismatchError, Shape

__all__ = ["publish_rows"]


def publish_rows(shape: Shape, model: Any, definition: StrawberryObjectDefinition) -> None:
    """Let the shape of a model's rows show them.

    Args:
        shape: The shape; its JSON has the key as ``pk``.
        model: The model.
        definition: What Strawberry knows of the type that shows the rows.
    """

    def publish(data: JSON, view: SchemaView) -> JSON:
        if not isinstance(data, dict):
            raise MismatchError(shape.name, data)
        key = data.get("pk")
        names = view.once(shape, lambda: _key_names(model, definition, view))
        return {name: key if is_number else str(key) for name, is_number in names.items() if _fits(key, is_number)}

    shape.definition = definition
    # Which rows a viewer sees is asked when they are read.
    shape.hidden = lambda view: hasattr(definition.origin, "get_queryset") or view.hides(definition)
    shape.publish = publish


def _key_names(model: Any, definition: StrawberryObjectDefinition, view: SchemaView) -> dict[str, bool]:
    """Return the names of the fields that show the key, and whether they do so as a number."""
    primary = model._meta.pk
    names: dict[str, bool] = {}
    for field in definition.fields:
        type_ = field_type(field, definition)
        if field.python_name in {"pk", primary.name, primary.attname} and type_ in (ID, int, str, UUID):
            name = view.field_name(definition, field)
            if name is not None:
                names[name] = type_ is int
    return names


def _fits(key: JSON, is_number: bool) -> bool:
    return isinstance(key, int) if is_number else isinstance(key, int | str)
