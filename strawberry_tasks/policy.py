"""Who may see which run: the port, and the rule that only the owner looks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .contexts import is_made_anew, own_user_in, request_in, user_in
from .identity import flag, is_somebody, name_of
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
    authenticated ``user`` of the context or of its request, as the frameworks of Strawberry's integrations provide it.
    """

    def viewer(self, context: object) -> Viewer | Awaitable[Viewer]:
        """Find the context's user; awaits where the context or the framework offers it and an event loop runs.

        Raises:
            UnknownUserError: If there is a user that cannot be named.
        """
        if not _in_event_loop():
            return self.viewer_of(user_in(context))
        auser = getattr(request_in(context), "auser", None)
        if auser is not None and own_user_in(context) is None:
            return self._await_viewer(auser())
        user = user_in(context)
        if inspect.isawaitable(user) and (is_made_anew(context) or not inspect.iscoroutine(user)):
            return self._await_viewer(user)
        return self.viewer_of(user)

    def recheck(self, context: object) -> Viewer | Awaitable[Viewer]:
        """Look at the context once more; override it where that shows an old user."""
        return self.viewer(context)

    def viewer_of(self, user: Any) -> Viewer:
        """Name a user: by its ``pk``, ``id``, ``sub`` or the like, be it an object or a mapping; a text or a number names itself.

        Only ``None``, and who says not to be authenticated or not to be active, is nobody.

        Raises:
            UnknownUserError: If there is nothing to name the user by, so that its runs would be open to everybody.
        """
        if not is_somebody(user):
            return NOBODY
        return Viewer(id=name_of(user), is_staff=flag(user, "is_staff"), claims=self.claims_of(user))

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


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
