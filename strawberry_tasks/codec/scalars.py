"""Scalars: the ones that GraphQL and Strawberry know, and the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from typing import Any, BinaryIO
from uuid import UUID

from graphql import GraphQLScalarType
from strawberry.types.scalar import ScalarDefinition

from .._compat import ID, GlobalID, StrawberryEnumDefinition, enum_names
from ..errors import ClientError, TaskError, UploadsUnavailableError
from ..snapshot import JSON
from .shape import Files, MismatchError, Shape
from .untyped import check_text, strict_json

__all__ = ["BUILTIN", "custom_scalar", "enum_shape", "upload_shape"]

_INT32 = 2**31


def _scalar(name: str, dump: Callable[[Any], JSON], load: Callable[[Any], object]) -> Shape:
    """Make a shape of two plain functions; whatever they raise on a bad value becomes a `MismatchError`."""

    def dump_checked(value: object, _files: Files | None) -> JSON:
        try:
            return dump(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise MismatchError(name, value) from error

    def load_checked(data: JSON, _files: Files | None) -> object:
        try:
            return load(data)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise MismatchError(name, data) from error

    return Shape(name=name, dump=dump_checked, load=load_checked)


def _dump_int(value: object) -> JSON:
    if not isinstance(value, Integral):
        raise MismatchError("int", value)
    number = int(value)
    if not -_INT32 <= number < _INT32:
        raise MismatchError("int", value, "a GraphQL Int has 32 bits")
    return number


def _load_int(data: object) -> object:
    if type(data) is not int:
        raise TypeError
    return data


def _dump_float(value: object) -> JSON:
    if not isinstance(value, Real):
        raise MismatchError("float", value)
    number = float(value)
    if not math.isfinite(number):
        raise MismatchError("a finite float", value)
    return number


def _load_float(data: object) -> object:
    if type(data) is not float and type(data) is not int:
        raise TypeError
    return float(data)


def _dump_str(value: object) -> JSON:
    if not isinstance(value, str):
        raise MismatchError("str", value)
    return check_text(value)


def _load_str(data: object) -> str:
    if not isinstance(data, str):
        raise TypeError
    return data


def _dump_bool(value: object) -> JSON:
    if value is True or value is False:
        return value
    raise MismatchError("bool", value)


def _load_bool(data: object) -> object:
    if data is True or data is False:
        return data
    raise TypeError


def _dump_id(value: object) -> JSON:
    if isinstance(value, str):
        return check_text(value)
    if isinstance(value, int | UUID) and not isinstance(value, bool):
        return str(value)
    raise MismatchError("ID", value)


def _dump_datetime(value: object) -> JSON:
    if not isinstance(value, datetime):
        raise MismatchError("datetime", value)
    return value.isoformat()


def _dump_date(value: object) -> JSON:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise MismatchError("date", value)
    return value.isoformat()


def _dump_time(value: object) -> JSON:
    if not isinstance(value, time):
        raise MismatchError("time", value)
    return value.isoformat()


def _dump_decimal(value: object) -> JSON:
    if isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise MismatchError("Decimal", value)


def _load_decimal(data: object) -> object:
    return Decimal(_load_str(data))


def _dump_uuid(value: object) -> JSON:
    if not isinstance(value, UUID):
        raise MismatchError("UUID", value)
    return str(value)


def _load_uuid(data: object) -> object:
    return UUID(_load_str(data))


def _dump_global_id(value: object) -> JSON:
    if not isinstance(value, GlobalID):
        raise MismatchError("GlobalID", value)
    return check_text(str(value))


def _load_global_id(data: object) -> object:
    return GlobalID.from_id(_load_str(data))


BUILTIN: dict[object, Callable[[], Shape]] = {
    int: lambda: _scalar("int", _dump_int, _load_int),
    float: lambda: _scalar("float", _dump_float, _load_float),
    str: lambda: _scalar("str", _dump_str, _load_str),
    bool: lambda: _scalar("bool", _dump_bool, _load_bool),
    ID: lambda: _scalar("ID", _dump_id, _load_str),
    # Not dateutil, which GraphQL uses: it can't read offsets with seconds, and isoformat writes them.
    datetime: lambda: _scalar("datetime", _dump_datetime, datetime.fromisoformat),
    date: lambda: _scalar("date", _dump_date, date.fromisoformat),
    time: lambda: _scalar("time", _dump_time, time.fromisoformat),
    Decimal: lambda: _scalar("Decimal", _dump_decimal, _load_decimal),
    UUID: lambda: _scalar("UUID", _dump_uuid, _load_uuid),
    GlobalID: lambda: _scalar("GlobalID", _dump_global_id, _load_global_id),
}
"""Scalars whose values are checked more strictly than GraphQL does, so that what arrives equals what was sent."""


def custom_scalar(definition: ScalarDefinition | GraphQLScalarType) -> Shape:
    """Make the shape of a scalar that brings its own ``serialize`` and ``parse_value``."""
    name = definition.name
    serialize = definition.serialize or (lambda value: value)
    parse_value = definition.parse_value or (lambda value: value)
    json = strict_json()

    def dump(value: object, files: Files | None) -> JSON:
        try:
            data = serialize(value)
        except Exception as error:  # It is the user's.
            raise MismatchError(name, value, f"its serialize raised {type(error).__name__}") from error
        return json.dump(data, files)

    def load(data: JSON, _files: Files | None) -> object:
        try:
            return parse_value(data)
        except Exception as error:  # It is the user's.
            raise MismatchError(name, data, f"its parse_value raised {type(error).__name__}") from error

    return Shape(name=name, dump=dump, load=load)


def enum_shape(definition: StrawberryEnumDefinition, *, by_value: bool) -> Shape:
    """Make the shape of an enum: members travel under their GraphQL names.

    Args:
        definition: What Strawberry knows of it.
        by_value: Whether a member's value, as a database has it, will do as well as the member.
    """
    cls: Any = definition.wrapped_cls
    names = enum_names(definition)
    members = {graphql: cls[python] for python, graphql in names.items()}

    def dump(value: object) -> JSON:
        if isinstance(value, cls) and isinstance(value, Enum) and value.name in names:
            return names[value.name]
        for item in definition.values if by_value else ():
            if value is not None and item.value == value:
                return item.name
        raise MismatchError(cls.__name__, value)

    def load(data: Any) -> object:
        try:
            return members[data]
        except KeyError as error:
            raise MismatchError(cls.__name__, data) from error

    return _scalar(cls.__name__, dump, load)


def _unreadable(error: Exception) -> TaskError:
    is_gone = isinstance(error, FileNotFoundError | ValueError)
    message = "The uploaded file is not there." if is_gone else "The uploaded file cannot be read now."
    return TaskError(message, code=UploadsUnavailableError.code, retry=not is_gone)


def upload_shape() -> Shape:
    """Make the shape of an upload: its contents stay in the storage, and the key to them travels."""

    def dump(value: object, files: Files | None) -> JSON:
        if value is None or files is None:
            raise MismatchError("Upload", value, "" if files else "no storage for uploads is set")
        try:
            return files.save(value)
        except ClientError:
            raise
        except Exception as error:  # A disk, a bucket, a database: each has errors of its own.
            raise UploadsUnavailableError from error

    def load(data: JSON, files: Files | None) -> BinaryIO:
        if not isinstance(data, str) or files is None:
            raise MismatchError("Upload", data, "" if files else "no storage for uploads is set")
        try:
            return files.open(data)
        except Exception as error:
            raise _unreadable(error) from error

    return Shape(name="Upload", dump=dump, load=load, uploads=lambda data: (data,) if isinstance(data, str) else ())
