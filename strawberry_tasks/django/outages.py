"""Tells a database that does not do now what it is asked for from a row that it can never take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, NotSupportedError, ProgrammingError

from ..errors import StoreUnavailableError

_NO_OUTAGES: Final = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""What is wrong with a row or a statement, and would be wrong the next time."""

_SQLITE_STATEMENTS: Final = frozenset({1, 18, 19, 20, 21, 25})
"""SQLite's primary result codes that are about a statement or its values, such as a table that is not there."""

_MYSQL_STATEMENTS: Final = frozenset({1048, 1054, 1064, 1118, 1146, 1264, 1265, 1292, 1366, 1406, 3988})
"""The same in MySQL and MariaDB, whose drivers take some of them for an outage."""


def is_outage(error: BaseException) -> bool:
    """Tell whether it is the database that fails, or the store, so that the same may well succeed later.

    It cannot be reached, takes no more connections, has become read-only or full, gave up a deadlock or a lock, or is damaged.
    """
    if isinstance(error, StoreUnavailableError):
        return True
    if not isinstance(error, (DatabaseError, InterfaceError)) or isinstance(error, _NO_OUTAGES):
        return False
    driver = error.__cause__ or error
    code = getattr(driver, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF not in _SQLITE_STATEMENTS
    return driver.args[:1] not in {(number,) for number in _MYSQL_STATEMENTS}


def in_one_line(error: BaseException) -> str:
    """Return what an error says; drivers say it in several."""
    return " ".join(str(error).split())


@contextmanager
def database_needed() -> Iterator[None]:
    """Turn an outage of the database into an outage of the store, which whoever looks for a run knows how to tell.

    Raises:
        StoreUnavailableError: If it is one; it holds the driver's text, for operators.
    """
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        if not is_outage(error):
            raise
        raise StoreUnavailableError(f"The database does not answer: {in_one_line(error)}") from error
