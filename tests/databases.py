"""Databases of a test's own, on the PostgreSQL server that the environment names."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.requirements import require


@contextmanager
def fresh_postgres(prefix: str) -> Iterator[str]:
    """Yield the URL of an empty database, which is gone afterwards; skips the test without ``TEST_DATABASE_URL``.

    Args:
        prefix: What its name starts with.
    """
    url = os.environ.get("TEST_DATABASE_URL", "")
    require("PostgreSQL", bool(url), "TEST_DATABASE_URL is not set")
    name = f"{prefix}_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"{url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
