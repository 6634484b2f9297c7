"""Rows of Django models: which of them some data stands for, and how they are read. Django itself is never imported here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from ..errors import ObjectGoneError, ObjectUnavailableError

__all__ = ["LEFT_OUT", "Found", "Path", "Place", "Reader", "Replace", "RowKey", "Step", "read_all", "read_rows"]

_BATCH = 500
"""Rows of one query; databases limit how many values one may name."""


class RowKey(NamedTuple):
    """Which row is meant."""

    model: Any
    """The model's class."""

    key: Any
    """The primary key, as the model has it."""

    database: str | None
    """The alias of its database; ``None``: the one that the project's routers say."""

    chosen: bool
    """Whether somebody had the row itself in hand. Otherwise the key may be a client's guess, which reaches nothing that the
    model's default manager hides."""

    narrowed: bool = False
    """Whether it came out of a queryset, from which the type that shows it may leave rows out."""

    shown_as: Any = None
    """The type of strawberry_django that shows it, if one does."""


class Step(NamedTuple):
    """A field on the way to a row."""

    typename: str
    """The GraphQL name of the object's type."""

    attribute: str
    """The field's name in Python."""


Path: TypeAlias = tuple[Step, ...]


class Place(NamedTuple):
    """A row, and the fields that lead to it; the rows of one list have the same."""

    row: RowKey
    path: Path


class Found(NamedTuple):
    """What was read, in the place of the data that stood for it."""

    row: object


LEFT_OUT: Final = object()
"""Stands for a row that is there, but not for this viewer: no list has a place for it."""

Replace: TypeAlias = Callable[[RowKey, Path], Any]
"""Returns what comes into a row's place."""

Reader: TypeAlias = Callable[[Sequence[Place]], Sequence[object]]
"""Reads rows. Returns for each the row, `LEFT_OUT`, or an error, which GraphQL raises where it finds it as a value."""

View: TypeAlias = Callable[[Any, Place], Iterable[Any]]
"""Reads a queryset of rows that stand in one place."""


class _RowGoneError(ObjectGoneError):
    """Stands in a row's place. A resolver that wants something of the row gets the same error."""

    # What graphql-core asks an error for, whether or not the model has a field of that name.
    nodes = source = positions = path = original_error = None

    def __init__(self, row: RowKey) -> None:
        super().__init__(f"{row.model.__name__} {row.key} is no longer there.")
        self._row = row

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and hasattr(self._row.model, name):
            raise _RowGoneError(self._row)
        raise AttributeError(name)


def read_rows(places: Sequence[Place]) -> list[object]:
    """Read rows, all of which have to be there.

    Raises:
        ObjectGoneError: If one is not there any more.
        ObjectUnavailableError: If one cannot be read here, or now.
    """
    rows = read_all([Place(place.row, ()) for place in places])
    for row in rows:
        if isinstance(row, ObjectGoneError):
            raise ObjectGoneError(row.message)
        if isinstance(row, ObjectUnavailableError):
            raise row
    return rows


def read_all(places: Sequence[Place], view: View = lambda rows, _: rows) -> list[object]:
    """Read rows, with one query for all that are alike; a `Reader`.

    Args:
        places: Which.
        view: How to read those of one place.
    """
    found: dict[Place, object] = {}
    for alike in _alike(places):
        for some in (alike[start : start + _BATCH] for start in range(0, len(alike), _BATCH)):
            found.update(zip(some, _read(some, view), strict=True))
    return [found[place] for place in places]


def _alike(places: Sequence[Place]) -> Iterable[list[Place]]:
    kinds: dict[Any, list[Place]] = {}
    for place in dict.fromkeys(places):
        kinds.setdefault(place._replace(row=place.row._replace(key=None)), []).append(place)
    return kinds.values()


def _read(alike: Sequence[Place], view: View) -> Iterator[object]:
    first = alike[0]
    keys = [place.row.key for place in alike]
    try:
        rows: dict[Any, object] = _by_key(keys, _queryset(first.row), lambda asked: view(asked, first))
        if first.row.narrowed and len(rows) < len(keys):
            rows = dict.fromkeys(_queryset(first.row).filter(pk__in=keys).values_list("pk", flat=True), LEFT_OUT) | rows
    except Exception as error:
        unavailable = _unavailable(first.row, error)
        if unavailable is None:
            raise
        return iter([unavailable] * len(alike))
    return (rows[place.row.key] if place.row.key in rows else _RowGoneError(place.row) for place in alike)


def _by_key(keys: Sequence[Any], rows: Any, view: Callable[[Any], Iterable[Any]]) -> dict[Any, object]:
    found = {row.pk: row for row in view(rows.filter(pk__in=keys))}
    if not found.keys() - set(keys):
        return found
    # The database takes keys for the same that Python does not, say in upper and lower case.
    return {key: row for key in keys for row in view(rows.filter(pk=key))}


def _queryset(row: RowKey) -> Any:
    manager = row.model._base_manager if row.chosen else row.model._default_manager
    rows = manager.all()
    return rows if row.database is None else rows.using(row.database)


def _unavailable(row: RowKey, error: Exception) -> ObjectUnavailableError | None:
    """Return what to say of what Django has raised, None if that was not about a database."""
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    if "django.utils.connection.ConnectionDoesNotExist" in kinds:
        why = f"is in the database {row.database!r}, which is not among the DATABASES here"
    elif kinds & {"django.db.utils.DatabaseError", "django.db.utils.InterfaceError"}:
        why = "cannot be read now"
    else:
        return None
    unavailable = ObjectUnavailableError(f"{row.model.__name__} {row.key} {why}.", retry=why == "cannot be read now")
    unavailable.__cause__ = error
    return unavailable
