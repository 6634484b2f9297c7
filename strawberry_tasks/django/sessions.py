"""Whom a session has signed in, by what the database says now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase


@dataclass(frozen=True, slots=True)
class _Request:
    """As much of a request as finding its user takes."""

    session: SessionBase


def open_session(key: str | None) -> SessionBase:
    """Return the session of a key, as it is kept; one of the project's own kind."""
    return _readonly(settings.SESSION_ENGINE)(key)


def session_user(key: str | None) -> Any:
    """Return the user whom a session has signed in; `AnonymousUser` if none.

    The user is active, and the session not older than the password: both is for the authentication backend to tell.
    """
    return get_user(_Request(open_session(key)))  # type: ignore[arg-type]


@cache
def _readonly(engine: str) -> type[SessionBase]:
    """Make a kind of session that looking at it does not change.

    Django gives a session a new key when the secret was rotated, and removes one that does not fit the password any more. The
    first would sign the browser out, because a websocket sets no cookie; the second is for the next request to do.
    """
    kind: type[SessionBase] = import_module(engine).SessionStore

    def leave(self: SessionBase) -> None: ...

    # Sessions are signed with the name of their class.
    return type(kind.__name__, (kind,), {"__qualname__": kind.__qualname__, "flush": leave, "cycle_key": leave})
