"""How whoever is signed in is named, whatever a framework has for a user."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import NoneType
from typing import Any, Final
from uuid import UUID

from .errors import UnknownUserError

KEYS: Final = ("pk", "id", "sub", "user_id", "uid", "uuid", "identity", "auth_id", "get_id", "principalId")
"""What a user may be told from all others by, the first one that it has.

``pk`` is Django's name for any primary key, ``id`` everybody's. ``sub`` is the subject of a JSON web token and of OpenID Connect,
``user_id`` and ``uid`` are those of Simple JWT and Firebase, ``uuid`` is unique by definition. ``identity`` is Starlette's,
``auth_id`` Quart-Auth's, ``get_id`` Flask-Login's, and ``principalId`` what an authorizer of API Gateway says.
No e-mail address is among them: it changes, is written in several ways, and may be somebody else's next year.
"""

NAME: Final = "username"
"""What those are told apart by that have no key at all, such as Starlette's `SimpleUser`."""

_PLAIN: Final = (str, int, UUID)
_ABSENT: Final = object()


def is_somebody(user: Any) -> bool:
    """Tell whether somebody is signed in: not if the user says of itself that nobody is, or that it is not active.

    Raises:
        UnknownUserError: If that cannot be told.
    """
    if inspect.isclass(user):
        raise UnknownUserError(f"the class {user.__qualname__}")
    # A lazy object of Django's or Werkzeug's is never None itself, but says to be of its class.
    if user.__class__ is NoneType:
        return False
    return flag(user, "is_authenticated", True) and flag(user, "is_active", True) and not flag(user, "is_anonymous")


def flag(user: Any, name: str, default: bool = False) -> bool:
    """Tell what a user says of itself, in an attribute, an entry or a method.

    Raises:
        UnknownUserError: If it has to be awaited; any such thing would pass for true.
    """
    value = _find(user, name)
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        raise UnknownUserError(f"a {_kind(user)} whose {name} has to be awaited")
    return default if value is None or value is _ABSENT else bool(value)


def name_of(user: Any) -> str:
    """Return a text that no other user is named by.

    Raises:
        UnknownUserError: If there is nothing to name the user by.
    """
    if isinstance(user, _PLAIN):
        name = _text_of(user)
    else:
        keys = [value for key in KEYS if (value := _find(user, key)) is not _ABSENT]
        # Who has a key that is empty yet, such as a user that was not saved, may bear the name of anything.
        name = next(filter(None, map(_text_of, keys or [_find(user, NAME)])), None)
    if name is None:
        raise UnknownUserError(f"a {_kind(user)}")
    return name


def _text_of(value: Any) -> str | None:
    """Return the text of a key; ``None`` if another one may have the same."""
    if isinstance(value, NoneType | bool):
        return None
    try:
        text = str(value)
        # The key can be made of its text again, so that no two have one text: not so, for instance, with a secret that is masked,
        # a row that shows its title, or a coroutine.
        is_told_apart = bool(value.__class__(text) == value)
    except Exception:  # noqa: BLE001 - whatever a class says to a text
        return None
    return text if is_told_apart and text.strip() else None


def _find(user: Any, name: str) -> Any:
    """Return what a user has by that name, once: what is asked for twice may be made twice."""
    if _has_entries(user):
        return user[name] if name in user.keys() else _ABSENT  # noqa: SIM118 - a database's row looks for values without it
    try:
        value = getattr(user, name)
    except NotImplementedError:  # Starlette's BaseUser leaves `identity` to its subclasses.
        return _ABSENT
    except AttributeError:
        return _ABSENT if inspect.getattr_static(user, name, _ABSENT) is _ABSENT else None
    return value() if inspect.isroutine(value) else value


def _has_entries(user: Any) -> bool:
    """Tell whether a user is a mapping, or like one, as the rows of databases are."""
    return isinstance(user, Mapping) or (hasattr(user, "keys") and hasattr(user, "__getitem__"))


def _kind(user: Any) -> str:
    kind: type = user.__class__
    return kind.__qualname__
