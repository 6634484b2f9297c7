"""Who may see which run in a Django project."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from ..contexts import request_in, scope_of, user_in
from ..identity import flag
from ..policy import NOBODY, OwnerPolicy, Viewer
from ..schema.registry import in_event_loop
from ..snapshot import Snapshot
from .connections import in_database
from .outages import database_needed
from .sessions import session_user

VIEW = "strawberry_tasks.view_taskexecution"
CONTROL = "strawberry_tasks.control_taskexecution"


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoViewer(Viewer):
    """A user who asks."""

    controls_all: bool = False
    """Whether everybody's runs may be canceled and started again, as far as they may be seen."""


class DjangoPolicy(OwnerPolicy):
    """The owner sees and controls a run; staff and superusers see and control each.

    Users that are not active are nobody. Over a websocket each operation, and everywhere each recheck, reads the session and
    the user afresh: who has signed out, was deactivated, lost a right or got another password is noticed then.
    """

    def viewer(self, context: object) -> Viewer | Awaitable[Viewer]:
        """Find the user of a request, of a websocket of `strawberry_tasks.django.asgi`, or of Channels' consumer."""
        # It lasts, and so does the user that it began with.
        if (scope_of(request_in(context)) or {}).get("type") == "websocket":
            return self.recheck(context) if in_event_loop() else self._present(context)
        return sync_to_async(self._viewer)(context) if in_event_loop() else self._viewer(context)

    def recheck(self, context: object) -> Awaitable[Viewer]:
        """Read the session and the user from the database; without a session, the user alone."""
        return in_database(self._present, context)

    def viewer_of(self, user: Any) -> Viewer:
        """Name a user by the primary key. Called where the ORM may be used, and so are the methods that it asks."""
        viewer = super().viewer_of(user)
        if viewer.id is None:
            return NOBODY
        return DjangoViewer(
            id=viewer.id, claims=viewer.claims, is_staff=self.sees_all(user), controls_all=self.controls_all(user)
        )

    def sees_all(self, user: Any) -> bool:
        """Tell whether a user sees everybody's runs, and the internals of failures."""
        return _is_staff(user)

    def controls_all(self, user: Any) -> bool:
        """Tell whether a user may cancel everybody's runs, and start them again."""
        return _is_staff(user)

    def may_control(self, viewer: Viewer, run: Snapshot) -> bool:
        """Owner, and who controls all; anybody, if nobody owns the run."""
        controls_all = isinstance(viewer, DjangoViewer) and viewer.controls_all
        return run.owner is None or run.owner == viewer.id or controls_all

    def listed_rows(self, viewer: Viewer, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow rows of `TaskExecution` to the runs that the viewer may list; `strawberry_tasks.django.types` asks, if `may_list`."""
        owner = self.listed_owner(viewer)
        return rows if owner is None else rows.filter(owner=owner)

    def load_user(self, viewer: Viewer) -> Any:
        """Return who started the run; `AnonymousUser` if nobody did, or who did was deactivated or deleted since."""
        with database_needed():
            user = None if viewer.id is None else _find(viewer.id)
        return user if user is not None and getattr(user, "is_active", True) else AnonymousUser()

    def _viewer(self, context: object) -> Viewer:
        with database_needed():
            return self.viewer_of(user_in(context))

    def _present(self, context: object) -> Viewer:
        with database_needed():
            return self.viewer_of(_present_user(context))


class PermissionPolicy(DjangoPolicy):
    """Besides the owner, who holds Django's permissions: ``view_taskexecution`` to see each run, ``control_taskexecution`` too.

    Superusers hold both; being staff alone gives nothing. It costs one or two more queries for each operation.
    """

    def sees_all(self, user: Any) -> bool:
        """Ask for the permission to view runs."""
        return bool(user.has_perm(VIEW))

    def controls_all(self, user: Any) -> bool:
        """Ask for the permission to control runs."""
        return bool(user.has_perm(CONTROL))


def _present_user(context: object) -> Any:
    user = user_in(context)
    session = _session(context)
    if session is not None and SESSION_KEY in session:
        return session_user(session.session_key)
    # Signed in by something else, such as a token.
    return _find(user.pk) if isinstance(user, get_user_model()) and user.pk is not None else user


def _session(context: object) -> Any:
    request = request_in(context)
    if hasattr(request, "META"):
        return getattr(request, "session", None)
    return (scope_of(request) or {}).get("session")


def _find(key: Any) -> Any:
    try:
        return get_user_model()._default_manager.filter(pk=key).first()
    except (ValueError, ValidationError):  # Not the key of any user.
        return None


def _is_staff(user: Any) -> bool:
    return flag(user, "is_staff") or flag(user, "is_superuser")
