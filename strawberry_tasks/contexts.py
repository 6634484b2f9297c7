"""Where the GraphQL context of each framework has the request, and the user."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final

REQUESTS: Final = ("request", "websocket", "socket", "ws")
"""The request, or what stands for it over a websocket: Litestar's contexts have another name for that, of two kinds."""

USERS: Final = ("user", "current_user")


def user_in(context: object) -> Any:
    """Find the user of a context: its own, else its request's; ``None`` if it has none.

    A context's own may be a method, which is called; what comes of it may have to be awaited: see `is_made_anew`.
    """
    own = own_user_in(context)
    if own is not None:
        return own() if inspect.isroutine(own) else own
    return next((user for user in _users_of(request_in(context)) if user is not None), None)


def own_user_in(context: object) -> Any:
    """Find the user that a context has itself, and not its request."""
    return next((user for name in USERS if (user := _get(context, name)) is not None), None)


def is_made_anew(context: object) -> bool:
    """Tell whether a context makes its user each time it is asked for; a coroutine that is kept belongs to whoever awaits it."""
    for name in USERS:
        kept = context.get(name) if isinstance(context, Mapping) else inspect.getattr_static(context, name, None)
        if kept is not None:
            return isinstance(kept, property) or inspect.isroutine(kept)
    return False


def request_in(context: object) -> Any:
    """Find the request of a context, be it a framework's own or Channels' consumer; ``None`` if it has none."""
    return next((request for name in REQUESTS if (request := _get(context, name)) is not None), None)


def scope_of(request: object) -> Mapping[str, Any] | None:
    """Return the ASGI scope of a request; with Channels, the one of its consumer. ``None`` if it has none."""
    scope = getattr(request, "scope", getattr(getattr(request, "consumer", None), "scope", None))
    return scope if isinstance(scope, Mapping) else None


def keep_bound(context: object) -> None:
    """Put what Quart's proxies stand for in their places: they forget it before a response that is streamed has begun."""
    for name in (*REQUESTS, *USERS):
        present = getattr(_get(context, name), "_get_current_object", None)
        if present is not None:
            with contextlib.suppress(RuntimeError, AttributeError, TypeError):
                _put(context, name, present())


def _users_of(request: Any) -> Iterator[Any]:
    if hasattr(request, "META"):  # Django's.
        yield getattr(request, "user", None)
        return
    # The request.user of Starlette and Litestar raises without their middleware; the scope tells without raising.
    scope = scope_of(request)
    yield getattr(request, "user", None) if scope is None else scope.get("user")
    yield getattr(request, "__dict__", {}).get("user")
    if isinstance(request, Mapping):  # aiohttp's, whose keys may be objects, with the name of their module in front.
        yield request.get("user")
        yield from (value for key, value in request.items() if str(getattr(key, "_name", "")).endswith(".user"))
    yield getattr(getattr(request, "state", None), "user", None)  # Starlette's, FastAPI's and Litestar's.
    yield getattr(getattr(request, "ctx", None), "user", None)  # Sanic's.
    authorizer = _get(getattr(request, "context", None), "authorizer")  # API Gateway's, in Chalice.
    yield _get(authorizer, "claims")
    yield authorizer


def _get(context: object, name: str) -> Any:
    if isinstance(context, Mapping) and (name in context or scope_of(context) is not None):
        return context.get(name)
    try:
        return getattr(context, name)
    except AttributeError:
        present = inspect.getattr_static(context, name, None)
        if present is None or inspect.ismemberdescriptor(present):
            return None
        raise  # It is there and failed; taken for absent, its runs would be open to everybody.


def _put(context: object, name: str, value: object) -> None:
    if isinstance(context, MutableMapping):
        context[name] = value
    else:
        setattr(context, name, value)
