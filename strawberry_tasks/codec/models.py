"""Django models: rows travel by primary key and database, and are read afresh. Django itself is never imported here."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final, cast

from ..snapshot import JSON
from .rows import Found, Path, Replace, RowKey
from .shape import Files, MismatchError, Shape

__all__ = ["from_queryset", "is_model", "queryset_of", "row_shape", "shown_model"]

_DATABASE: Final = "db"
_QUERYSET: Final = "queryset"


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


def row_shape(model: Any, *, shown_as: Any = None, typename: str | None = None) -> Shape:
    """Make the shape of a row of a model.

    A row travels as its primary key, with the alias of its database where that is not clear by itself. A bare key is what a
    client gives for one.

    Args:
        model: The model's class.
        shown_as: The type of strawberry_django that shows the row. Without one, a bare key is accepted in place of an instance.
        typename: That type's name in GraphQL, which then travels, too, as it does for a client.
    """
    rows = _Rows(model, shown_as, typename)
    return Shape(
        name=model.__name__,
        dump=rows.dump,
        load=rows.load,
        rows=rows.replace,
        accepts=lambda value: isinstance(value, model),
    )


def queryset_of(value: Any) -> Iterable[object] | None:
    """Return a queryset, also of a manager; None of everything else."""
    if not hasattr(value, "in_bulk"):
        return None
    return cast("Iterable[object]", value if hasattr(value, "query") else value.all())


def from_queryset(data: list[JSON]) -> list[JSON]:
    """Note of the data of rows that they came out of a queryset."""
    return [{**item, _QUERYSET: True} if isinstance(item, dict) else item for item in data]


class _Rows:
    """The rows of one model, shown as one type."""

    def __init__(self, model: Any, shown_as: Any, typename: str | None) -> None:
        self._model = model
        self._shown_as = shown_as
        self._name: str = model.__name__
        self._typename = typename
        # What Django's own relations read, it reads through the base manager.
        self._hides_rows = type(model._default_manager) is not type(model._base_manager)

    def dump(self, value: object, _files: Files | None) -> JSON:
        if isinstance(value, self._model):
            return self._dump_row(value)
        if self._typename is not None:
            raise MismatchError(self._name, value)
        return _to_json(self._clean(value))

    def load(self, data: object, _files: Files | None) -> object:
        if isinstance(data, Found):
            return data.row
        raise MismatchError(self._name, data)

    def replace(self, data: JSON, path: Path, replace: Replace) -> Any:
        """Put what a function returns into the row's place; data of something else is left to `load` to refuse."""
        try:
            return Found(replace(self._row_in(data), path))
        except MismatchError:
            return data

    def _dump_row(self, row: Any) -> JSON:
        if row.pk is None or row._state.adding:
            raise MismatchError(f"a saved {self._name}", row, "its row is not in the database yet")
        key = _to_json(self._clean(row.pk))
        known: dict[str, JSON] = {} if self._typename is None else {"__typename": self._typename}
        if row._state.db != "default" or sys.modules["django.db"].router.routers:
            return {**known, "pk": key, _DATABASE: row._state.db}
        # In a project with one database a key says it all, and every version of a worker reads it.
        return {**known, "pk": key} if known or self._hides_rows else key

    def _row_in(self, data: JSON) -> RowKey:
        if not isinstance(data, dict):
            if self._typename is not None:
                raise MismatchError(self._name, data)
            return RowKey(self._model, self._clean(data), database=None, chosen=False)
        database = data.get(_DATABASE)
        if "pk" not in data or not isinstance(database, str | None):
            raise MismatchError(self._name, data)
        return RowKey(
            self._model,
            self._clean(data["pk"]),
            database,
            chosen=True,
            narrowed=_QUERYSET in data,
            shown_as=self._shown_as,
        )

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
        if _is_foreign_to_databases(cleaned):
            raise MismatchError(expected, key)
        return cleaned


def _is_foreign_to_databases(key: object) -> bool:
    """Tell whether drivers raise errors of their own for a key."""
    if isinstance(key, int):
        return not -(2**63) <= key < 2**63
    return isinstance(key, str) and "\0" in key


def _to_json(key: object) -> JSON:
    if isinstance(key, int | str):
        return key
    if isinstance(key, tuple):
        return [_to_json(part) for part in key]
    return str(key)
