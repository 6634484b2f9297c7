"""The codec of one parameter or one result."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from .._compat import ID, UNSET, ScalarSource, argument_type, evaluate, resolve, scalar_definition
from ..errors import TaskDeclarationError, ValueEncodingError
from ..snapshot import JSON
from .build import Builder, is_open
from .models import is_model
from .rows import Place, Reader, read_rows
from .schema_view import WITHOUT_SCHEMA, SchemaView
from .shape import Files, MismatchError, Shape
from .untyped import UNSET_MARK, lenient_json

__all__ = ["Codec", "input_codec", "output_codec"]

_STREAMS = (AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Coroutine, Generator, Iterator, Iterable)
_MISSING = inspect.Parameter.empty


class Codec:
    """Turns the values of one parameter or result into JSON and back.

    Attributes:
        annotation: The resolved annotation; None for an untyped result.
        schema_type: What GraphQL shows: the annotation, but with ``ID`` for a Django model.
        typed: Whether the values have a declared type. Untyped ones are JSON, and are loaded as JSON.
    """

    __slots__ = ("_builder", "_shape", "_where", "annotation", "schema_type", "typed")

    def __init__(
        self, shape: Shape, builder: Builder, *, where: str, annotation: object, schema_type: object, typed: bool
    ) -> None:
        self.annotation = annotation
        self.schema_type = schema_type
        self.typed = typed
        self._shape = shape
        self._builder = builder
        self._where = where

    @property
    def touches_database(self) -> bool:
        """Whether dumping or loading may query a database, as with Django models anywhere inside.

        Raises:
            TaskDeclarationError: If a type that is referred to lazily cannot be found or cannot cross.
        """
        self._builder.finish()
        return self._builder.has_models

    def dump(self, value: object, files: Files | None = None) -> JSON:
        """Turn a value into JSON.

        Args:
            value: The value; a parameter's may be UNSET.
            files: Where to keep uploads.

        Raises:
            ValueEncodingError: If the value is not of the declared type; the message says where in it.
        """
        if value is UNSET and not self._builder.output:
            return dict(UNSET_MARK)
        try:
            return self._shape.dump(value, files)
        except MismatchError as mismatch:
            # Whoever watches a run reads why its result failed, and the value may be what the type was to keep from them.
            reason = mismatch.describe(values=not self._builder.output)
            raise ValueEncodingError(f"{self._where}: {reason}") from mismatch.__cause__
        except RecursionError as error:
            raise ValueEncodingError(f"{self._where}: the value contains itself, or nests too deeply.") from error

    def load(self, data: JSON, files: Files | None = None, *, read: Reader = read_rows) -> object:
        """Turn what `dump` made back into the value.

        Args:
            data: The JSON.
            files: Where uploads were kept.
            read: Reads the rows of Django models; by default all of them have to be there.

        Raises:
            ValueEncodingError: If the data does not fit the declared type, say because the type has changed since.
            ObjectGoneError: If a row is not there any more.
            ObjectUnavailableError: If the database of a row cannot be read.
        """
        if data == UNSET_MARK and not self._builder.output:
            return UNSET
        try:
            return self._shape.load(self._with_rows(data, read) if self.touches_database else data, files)
        except MismatchError as mismatch:
            raise ValueEncodingError(f"{self._where}: {mismatch}") from mismatch.__cause__
        except RecursionError as error:
            raise ValueEncodingError(f"{self._where}: the data nests too deeply.") from error

    def _with_rows(self, data: JSON, read: Reader) -> Any:
        places: list[Place] = []
        self._shape.rows(data, (), lambda row, path: places.append(Place(row, path)))
        rows = iter(read(places) if places else ())
        return self._shape.rows(data, (), lambda _row, _path: next(rows))

    def uploads(self, data: JSON) -> Iterator[str]:
        """Yield the keys of the uploads in dumped data, so that they can be deleted."""
        self._builder.finish()
        if self._builder.has_uploads and data != UNSET_MARK:
            yield from self._shape.uploads(data)

    def publish(self, data: JSON, view: SchemaView = WITHOUT_SCHEMA) -> JSON:
        """Turn dumped data into what a schema shows of it to everybody who sees it.

        Of objects that is the fields which are known to be plain, as the schema calls them; see `is_plain`. Data that does
        not fit the declared type is left out altogether, since nobody knows what to hide in it.

        Args:
            data: The JSON.
            view: How the schema shows results.
        """
        if data is None:
            return None
        self._builder.finish()
        try:
            return None if self._shape.hidden(view) else self._shape.publish(data, view)
        except MismatchError:
            return None


def input_codec(
    annotation: object,
    *,
    where: str,
    namespace: Mapping[str, object],
    scalar_map: Mapping[object, ScalarSource],
) -> Codec:
    """Make the codec of a parameter.

    Args:
        annotation: As it stands in the signature, maybe as a string.
        where: Opens every error, e.g. ``task 'syncInventory', parameter 'provider'``.
        namespace: The function's globals, where names in strings are looked up.
        scalar_map: The schema's own scalars, and what replaces built-in ones.

    Raises:
        TaskDeclarationError: If values of this type cannot cross.
    """
    if annotation is _MISSING:
        raise TaskDeclarationError(f"{where}: expected an annotation, got none. Say which GraphQL input type it is.")
    evaluated = _evaluate(annotation, where, namespace)
    builder = Builder(where=where, output=False, scalar_map=scalar_map)
    shape = builder.build(_resolve(argument_type(evaluated), namespace, builder), "", builder.row)
    return Codec(shape, builder, where=where, annotation=evaluated, schema_type=_with_ids(evaluated), typed=True)


def output_codec(
    annotation: object,
    *,
    where: str,
    namespace: Mapping[str, object],
    scalar_map: Mapping[object, ScalarSource],
) -> Codec:
    """Make the codec of a result.

    Without an annotation, and with one that says no more than JSON, the result is untyped.

    Args:
        annotation: As it stands in the signature, maybe as a string.
        where: Opens every error, e.g. ``task 'syncInventory', result``.
        namespace: The function's globals, where names in strings are looked up.
        scalar_map: The schema's own scalars, and what replaces built-in ones.

    Raises:
        TaskDeclarationError: If values of this type cannot cross.
    """
    evaluated = None if annotation is _MISSING else _evaluate(annotation, where, namespace)
    builder = Builder(where=where, output=True, scalar_map=scalar_map)
    if _is_untyped(evaluated) and scalar_definition(evaluated, scalar_map) is None:
        return Codec(lenient_json(), builder, where=where, annotation=None, schema_type=None, typed=False)
    if get_origin(evaluated) in _STREAMS or evaluated in _STREAMS:
        raise builder.refuse(
            evaluated, why="A task returns one result, at its end; report what comes before as progress."
        )
    shape = builder.build(_resolve(evaluated, namespace, builder))
    return Codec(shape, builder, where=where, annotation=evaluated, schema_type=evaluated, typed=True)


def _evaluate(annotation: object, where: str, namespace: Mapping[str, object]) -> Any:
    try:
        return evaluate(annotation, namespace)
    except NameError as error:
        raise TaskDeclarationError(
            f"{where}: the annotation {annotation!r} names {error.name!r}, which is not defined when the task is declared. "
            "Define or import it above, and not under TYPE_CHECKING."
        ) from error
    except Exception as error:  # Evaluating runs whatever stands there.
        raise TaskDeclarationError(f"{where}: the annotation {annotation!r} cannot be read: {error}") from error


def _resolve(evaluated: object, namespace: Mapping[str, object], builder: Builder) -> Any:
    try:
        return resolve(evaluated, namespace)
    except Exception as error:  # Strawberry raises all kinds of errors for what it does not know.
        raise builder.refuse(evaluated) from error


def _is_untyped(evaluated: object) -> bool:
    if get_origin(evaluated) in (Union, UnionType):
        return all(_is_untyped(argument) for argument in get_args(evaluated))
    return evaluated is None or evaluated is NoneType or is_open(evaluated)


def _with_ids(annotation: Any) -> Any:
    """Return the annotation with ``ID`` in place of each Django model."""
    if is_model(annotation):
        return ID
    origin, arguments = get_origin(annotation), get_args(annotation)
    if not any(_mentions_model(argument) for argument in arguments):
        return annotation
    replaced = tuple(_with_ids(argument) for argument in arguments)
    generic: Any = Union if origin is UnionType else origin
    return generic[replaced]


def _mentions_model(annotation: object) -> bool:
    return is_model(annotation) or any(_mentions_model(argument) for argument in get_args(annotation))
