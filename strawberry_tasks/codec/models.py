"""Django models: rows travel by primary key and are read afresh. Django itself is never imported here."""

from __future__ import annotations

from typing import Any

from ..errors import TaskError
from ..snapshot import JSON
from .shape import Files, Mismatch, Shape

__all__ = ["is_model", "row_shape"]


def is_model(type_: object) -> bool:
    """Tell whether a type is a concrete Django model."""
    meta = getattr(type_, "_meta", None)
    return (
        isinstance(type_, type)
        and hasattr(meta, "pk")
        and hasattr(meta, "model_name")
        and hasattr(type_, "_default_manager")
    )


def row_shape(model: Any, *, typename: str | None = None) -> Shape:
    """Make the shape of a row of a model.

    Args:
        model: The model's class.
        typename: The GraphQL type that shows the row; its name then travels beside the key, as it does for a client.
            Without one, a bare key stands for the row, and is accepted in place of an instance.
    """
    name: str = model.__name__

    def dump(value: object, files: Files | None) -> JSON:
        if isinstance(value, model):
            key = _saved_key(name, value)
        elif typename is None and value is not None:
            key = value
        else:
            raise Mismatch(name, value)
        data = _key_to_json(name, _clean_key(model, key))
        return data if typename is None else {"__typename": typename, "pk": data}

    def key_of(data: JSON) -> object:
        if typename is None:
            return _clean_key(model, data)
        if not isinstance(data, dict) or "pk" not in data:
            raise Mismatch(name, data)
        return _clean_key(model, data["pk"])

    def load(data: JSON, files: Files | None) -> object:
        key = key_of(data)
        try:
            return model._default_manager.get(pk=key)
        except model.DoesNotExist as error:
            raise _gone(name, key) from error

    def load_many(items: list[JSON]) -> list[object]:
        keys = [key_of(item) for item in items]
        rows = model._default_manager.in_bulk(set(keys)) if keys else {}
        missing = next((key for key in keys if key not in rows), None)
        if missing is not None:
            raise _gone(name, missing)
        return [rows[key] for key in keys]

    return Shape(name=name, dump=dump, load=load, load_many=load_many, accepts=lambda value: isinstance(value, model))


def _gone(name: str, key: object) -> TaskError:
    return TaskError(f"{name} {key} is no longer there.", code="OBJECT_GONE", retry=False)


def _saved_key(name: str, row: Any) -> object:
    if row.pk is None or row._state.adding:
        raise Mismatch(f"a saved {name}", row, "its row is not in the database yet")
    return row.pk


def _clean_key(model: Any, key: object) -> Any:
    """Return the key as the model's own type, e.g. an int for ``"5"``."""
    expected = f"{model.__name__} or its primary key"
    if key is None or isinstance(key, bool | float):
        raise Mismatch(expected, key)
    try:
        cleaned = model._meta.pk.to_python(tuple(key) if isinstance(key, list) else key)
        hash(cleaned)
    except Exception as error:  # Django's ValidationError can't be named here.
        raise Mismatch(expected, key) from error
    return cleaned


def _key_to_json(name: str, key: object) -> JSON:
    if isinstance(key, int | str):
        return key
    if isinstance(key, tuple | list):
        return [_key_to_json(name, part) for part in key]
    return str(key)
