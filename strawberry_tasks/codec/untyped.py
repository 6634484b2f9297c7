"""Values without a declared type: JSON, checked piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from uuid import UUID

from ..snapshot import JSON
from .shape import Files, MismatchError, Shape

__all__ = ["UNSET_MARK", "check_text", "lenient_json", "strict_json"]

UNSET_MARK: dict[str, JSON] = {"__unset": True}
"""How UNSET travels. GraphQL reserves names with two underscores, so no type has such a field."""

_EXPECTED = "a JSON value"


def strict_json() -> Shape:
    """Make the shape of values that JSON gives back as they were."""
    return Shape(name="JSON", dump=_dump_strict, load=_load)


def lenient_json() -> Shape:
    """Make the shape of untyped results: dates, UUIDs, Decimals and enums become what GraphQL would show."""
    return Shape(name="JSON", dump=_dump_lenient, load=_load)


def check_text(value: str) -> str:
    """Return the plain string, unless it holds half a surrogate pair, which no encoding can carry."""
    text = str.__str__(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise MismatchError("text that UTF-8 can encode", value) from error
    return text


def _load(data: JSON, _files: Files | None) -> object:
    # Others may be given the same data.
    if isinstance(data, dict):
        return {key: _load(item, None) for key, item in data.items()}
    if isinstance(data, list):
        return [_load(item, None) for item in data]
    return data


def _dump_strict(value: object, _files: Files | None) -> JSON:
    return _walk(value, lenient=False)


def _dump_lenient(value: object, _files: Files | None) -> JSON:
    return _walk(value, lenient=True)


def _walk(value: object, *, lenient: bool) -> JSON:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return check_text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, Mapping):
        return _walk_mapping(value, lenient=lenient)
    if isinstance(value, list | tuple):
        return _walk_items(value, lenient=lenient)
    return _as_graphql(value, lenient=lenient)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise MismatchError("a finite number", value)
    return float(value)


def _walk_mapping(value: Mapping[object, object], *, lenient: bool) -> JSON:
    data: dict[str, JSON] = {}
    if len(value) == 1 and value.get("__unset") is True:
        raise MismatchError(_EXPECTED, value, "this object stands for UNSET")
    for key, item in value.items():
        try:
            data[_key(key, lenient=lenient)] = _walk(item, lenient=lenient)
        except MismatchError as mismatch:
            mismatch.at(f"[{key!r}]")
            raise
    return data


def _key(key: object, *, lenient: bool) -> str:
    if isinstance(key, str):
        return check_text(key)
    if lenient and isinstance(key, int | date | UUID | Enum):
        return str(_walk(key, lenient=True))
    raise MismatchError("a string as key", key)


def _walk_items(value: Iterable[object], *, lenient: bool) -> JSON:
    data: list[JSON] = []
    try:
        for item in value:
            data.append(_walk(item, lenient=lenient))  # noqa: PERF401  # Its length is where it failed.
    except MismatchError as mismatch:
        mismatch.at(f"[{len(data)}]")
        raise
    return data


def _as_graphql(value: object, *, lenient: bool) -> JSON:
    if not lenient:
        raise MismatchError(_EXPECTED, value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, Enum):
        return value.name
    raise MismatchError(_EXPECTED, value, "to return such a value, declare the return type of the task")
