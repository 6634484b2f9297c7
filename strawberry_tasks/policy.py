"""Who may see which run: the port, and the rule that only the owner looks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .snapshot import JSON, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who asks, or who started a run."""

    id: str | None = None
    """A stable id, e.g. the user's primary key as text; ``None`` is nobody."""

    is_staff: bool = False
    """Whether everybody's runs, and the internals of failures, may be seen."""

    claims: Mapping[str, JSON] = field(default_factory=dict)
    """What a task needs to know of who started it, e.g. a tenant; kept with the run."""

    def __post_init__(self) -> None:
        # An empty owner would be stored as none, and a run of nobody is open to everybody.
        named: object = self.id
        if named is not None and not (isinstance(named, str) and named):
            raise ValueError(
                f"Viewer: expected an id that is a text of at least one character, or None, got {self.id!r}."
            )


NOBODY = Viewer()
"""The viewer of a context without an authenticated user."""


class Policy(Protocol):
    """Decides who may see what."""

    def viewer(self, context: object) -> Viewer | Awaitable[Viewer]:
        """Tell who asks.

        Args:
            context: The GraphQL context of the operation.

        Returns:
            The viewer; awaitable only where an event loop runs.
        """

    def recheck(self, context: object) -> Viewer | Awaitable[Viewer]:
        """Tell who asks by what is true now, and not by what was read when the operation began.

        Asked again and again while somebody watches: see `Tasks`. Runs on an event loop.
        """

    def may_see(self, viewer: Viewer, run: Snapshot) -> bool:
        """Tell whether the run exists for this viewer."""

    def may_control(self, viewer: Viewer, run: Snapshot) -> bool:
        """Tell whether the viewer may cancel the run, and start it again. Asked only if `may_see`."""

    def may_see_internals(self, viewer: Viewer, run: Snapshot) -> bool:
        """Tell whether the viewer may read a failure's exception and traceback."""

    def load_user(self, viewer: Viewer) -> object:
        """Return what a running task finds as ``info.context.user``; called in the worker."""

    def may_list(self, viewer: Viewer) -> bool:
        """Tell whether there is any run that the viewer may list."""

    def listed_owner(self, viewer: Viewer) -> str | None:
        """Tell whose runs the viewer may list; ``None`` is everybody's. Asked only if `may_list`."""


class OwnerPolicy:
    """A run is visible to whoever started it, and to staff.

    A run that nobody owns is open to whoever holds its unguessable id, and listed to staff alone. The viewer is the
    authenticated ``user`` of the context or of its request, as Django and Starlette provide it.
    """

    def viewer(self, context: object) -> Viewer | Awaitable[Viewer]:
        """Find the context's user; awaits where the framework offers it and an event loop runs."""
        request = request_in(context)
        auser = getattr(request, "auser", None)
        if auser is not None and _get(context, "user") is None and _in_event_loop():
            return self._await_viewer(auser())
        return self.viewer_of(user_in(context))

    def recheck(self, context: object) -> Viewer | Awaitable[Viewer]:
        """Look at the context once more; override it where that shows an old user."""
        return self.viewer(context)

    def viewer_of(self, user: Any) -> Viewer:
        """Name a user: its ``pk``, else its ``id``, else Starlette's ``identity`` or ``username``.

        Who is not authenticated, or not active, is nobody.
        """
        if user is None or not getattr(user, "is_authenticated", True) or not getattr(user, "is_active", True):
            return NOBODY
        for attribute in ("pk", "id", "identity", "username"):
            try:
                value = getattr(user, attribute, None)
            except NotImplementedError:  # Starlette's BaseUser leaves `identity` to its subclasses.
                continue
            if value is not None and str(value):
                is_staff = bool(getattr(user, "is_staff", False))
                return Viewer(id=str(value), is_staff=is_staff, claims=self.claims_of(user))
        return NOBODY

    def claims_of(self, user: Any) -> Mapping[str, JSON]:
        """Tell what is kept of a user with each run, beside the id, e.g. a tenant; nothing, unless you override it."""
        return {}

    def may_see(self, viewer: Viewer, run: Snapshot) -> bool:
        """Owner and staff; anybody, if nobody owns the run."""
        return run.owner is None or run.owner == viewer.id or viewer.is_staff

    def may_control(self, viewer: Viewer, run: Snapshot) -> bool:
        """Whoever may see it."""
        return self.may_see(viewer, run)

    def may_see_internals(self, viewer: Viewer, run: Snapshot) -> bool:
        """Staff alone."""
        return viewer.is_staff

    def load_user(self, viewer: Viewer) -> object:
        """The viewer itself."""
        return viewer

    def may_list(self, viewer: Viewer) -> bool:
        """Whoever is somebody."""
        return viewer.id is not None or viewer.is_staff

    def listed_owner(self, viewer: Viewer) -> str | None:
        """Their own; staff everybody's."""
        return None if viewer.is_staff else viewer.id

    async def _await_viewer(self, user: Awaitable[object]) -> Viewer:
        return self.viewer_of(await user)


def user_in(context: object) -> Any:
    """Find the user of a context: its own, else its request's; ``None`` if it has none."""
    user, request = _get(context, "user"), request_in(context)
    if user is not None or request is None:
        return user
    # Starlette's request.user asserts that the middleware is installed; its scope tells without raising.
    scope = None if hasattr(request, "META") else scope_of(request)
    return getattr(request, "user", None) if scope is None else scope.get("user")


def request_in(context: object) -> Any:
    """Find the request of a context, be it a framework's own or Channels' consumer; ``None`` if it has none."""
    return _get(context, "request")


def scope_of(request: object) -> Mapping[str, Any] | None:
    """Return the ASGI scope of a request; with Channels, the one of its consumer. ``None`` if it has none."""
    scope = getattr(request, "scope", getattr(getattr(request, "consumer", None), "scope", None))
    return scope if isinstance(scope, Mapping) else None


def _get(context: object, name: str) -> Any:
    if isinstance(context, Mapping):
        return context.get(name)
    return getattr(context, name, None)


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
