"""Django models: rows travel by primary key and are read afresh. Django itself is never imported here."""

from __future__ import annotations

from typing import Any

from ..errors import TaskError
from ..snapshot import JSON
from .shape import Files, MismatchError, Shape

__all__ = ["is_model", "row_shape", "shown_model"]


def is_model(type_: object) -> bool:
    """Tell whether a type is a concrete Django model."""
    meta: Any = getattr(type_, "_meta", None)
    return (
        isinstance(type_, type)
        and hasattr(meta, "pk")
        and hasattr(meta, "model_name")
        and getattr(type_, "_default_manager", None) is not None
        and not meta.abstract
    )


def shown_model(type_: type) -> Any:
    """Return the model whose rows a type of strawberry_django shows, or None."""
    definition = getattr(type_, "__strawberry_django_definition__", None)
    return None if definition is None else definition.model


def row_shape(model: Any, *, typename: str | None = None) -> Shape:
    """Make the shape of a row of a model.

    Args:
        model: The model's class.
        typename: The GraphQL type that shows the row; its name then travels beside the key, as it does for a client.
            Without one, a bare key stands for the row, and is accepted in place of an instance.
    """
    rows = _Rows(model, typename)
    return Shape(
        name=model.__name__,
        dump=rows.dump,
        load=rows.load,
        load_many=rows.load_many,
        accepts=lambda value: isinstance(value, model),
    )


class _Rows:
    """The rows of one model, shown as one type."""

    def __init__(self, model: Any, typename: str | None) -> None:
        self._model = model
        self._name: str = model.__name__
        self._typename = typename

    def dump(self, value: object, _files: Files | None) -> JSON:
        if isinstance(value, self._model):
            value = self._saved_key(value)
        elif self._typename is not None:
            raise MismatchError(self._name, value)
        key = _to_json(self._clean(value))
        return key if self._typename is None else {"__typename": self._typename, "pk": key}

    def load(self, data: JSON, _files: Files | None) -> object:
        key = self._key_in(data)
        try:
            return self._model._default_manager.get(pk=key)
        except self._model.DoesNotExist as error:
            raise self._gone(key) from error

    def load_many(self, items: list[JSON]) -> list[object]:
        """Load many rows with one query."""
        keys = [self._key_in(item) for item in items]
        rows = self._model._default_manager.in_bulk(set(keys)) if keys else {}
        try:
            return [rows[key] for key in keys]
        except KeyError as error:
            raise self._gone(error.args[0]) from error

    def _saved_key(self, row: Any) -> object:
        if row.pk is None or row._state.adding:
            raise MismatchError(f"a saved {self._name}", row, "its row is not in the database yet")
        return row.pk

    def _key_in(self, data: JSON) -> Any:
        if self._typename is None:
            return self._clean(data)
        if not isinstance(data, dict) or "pk" not in data:
            raise MismatchError(self._name, data)
        return self._clean(data["pk"])

    def _clean(self, key: object) -> Any:
        """Return the key as the model has it, e.g. an int for ``"5"``."""
        expected = f"{self._name} or its primary key"
        if key is None or isinstance(key, bool | float):
            raise MismatchError(expected, key)
        try:
            cleaned = self._model._meta.pk.to_python(tuple(key) if isinstance(key, list) else key)
            hash(cleaned)
        except Exception as error:  # Django's ValidationError, among others, can't be named here.
            raise MismatchError(expected, key) from error
        return cleaned

    def _gone(self, key: object) -> TaskError:
        return TaskError(f"{self._name} {key} is no longer there.", code="OBJECT_GONE", retry=False)


def _to_json(key: object) -> JSON:
    if isinstance(key, int | str):
        return key
    if isinstance(key, tuple):
        return [_to_json(part) for part in key]
    return str(key)
