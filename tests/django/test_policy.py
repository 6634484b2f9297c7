"""Django's policy: who a context's user is, and what that one may do."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.contrib.sessions.backends.db import SessionStore
from django.test import RequestFactory

from strawberry_tasks import Schema, Snapshot, Tasks, Viewer
from strawberry_tasks.django.policy import DjangoPolicy, PermissionPolicy
from strawberry_tasks.testing import inline

pytestmark = pytest.mark.django_db

OWN, THEIRS, NOBODYS = (Snapshot(id="run", name="work", queue="default", owner=owner) for owner in ("own", "bob", None))


def seen(policy: DjangoPolicy, viewer: Viewer) -> tuple[bool, bool, bool]:
    """Return whether somebody else's run may be seen, controlled, and looked into."""
    return (
        policy.may_see(viewer, THEIRS),
        policy.may_control(viewer, THEIRS),
        policy.may_see_internals(viewer, THEIRS),
    )


@pytest.mark.parametrize(
    ("facts", "may"),
    [
        ({}, False),
        ({"is_staff": True}, True),
        ({"is_superuser": True}, True),
        ({"is_staff": True, "is_superuser": True, "is_active": False}, False),
    ],
)
def test_staff_and_superusers_see_and_control_all(facts: Mapping[str, bool], may: bool) -> None:
    """Permissions are not asked for; who is not active is nobody."""
    policy = DjangoPolicy()
    user = User.objects.create_user("ann", **facts)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="strawberry_tasks"))

    viewer = policy.viewer_of(User.objects.get(pk=user.pk))

    assert seen(policy, viewer) == (may, may, may)
    assert viewer.id == (str(user.pk) if user.is_active else None)


@pytest.mark.parametrize(
    ("facts", "permissions", "may"),
    [
        ({}, [], (False, False, False)),
        ({"is_staff": True}, [], (False, False, False)),
        ({}, ["view_taskexecution"], (True, False, True)),
        ({}, ["view_taskexecution", "control_taskexecution"], (True, True, True)),
        ({"is_superuser": True}, [], (True, True, True)),
        ({"is_superuser": True, "is_active": False}, [], (False, False, False)),
    ],
)
@pytest.mark.parametrize("through_group", [False, True])
def test_permissions_decide_where_one_wants_them_to(
    facts: Mapping[str, bool], permissions: list[str], may: tuple[bool, ...], through_group: bool
) -> None:
    """`PermissionPolicy` goes by what users hold, themselves or through a group, and not by their being staff."""
    policy = PermissionPolicy()
    user = User.objects.create_user("ann", **facts)
    held = Permission.objects.filter(codename__in=permissions)
    if through_group:
        user.groups.add(group := Group.objects.create(name="support"))
        group.permissions.set(held)
    else:
        user.user_permissions.set(held)

    viewer = policy.viewer_of(User.objects.get(pk=user.pk))

    assert seen(policy, viewer) == may


@pytest.mark.parametrize("policy", [DjangoPolicy(), PermissionPolicy()])
def test_everybody_has_their_own(policy: DjangoPolicy) -> None:
    """The owner sees and controls a run, but not the internals; a run of nobody is open to whoever holds its id."""
    user = User.objects.create_user("ann")
    viewer = policy.viewer_of(user)
    own = Snapshot(id="run", name="work", queue="default", owner=str(user.pk))

    assert (policy.may_see(viewer, own), policy.may_control(viewer, own)) == (True, True)
    assert not policy.may_see_internals(viewer, own)
    assert (policy.may_see(Viewer(), NOBODYS), policy.may_control(Viewer(), NOBODYS)) == (True, True)


@pytest.mark.parametrize("context", ["request", "consumer", "channels http", "own"])
def test_the_user_of_any_context(context: str) -> None:
    """The user is found in Django's requests, Channels' consumers and one's own contexts, on an event loop too."""
    user = User.objects.create_user("ann")
    request = RequestFactory().get("/")
    request.user = user
    scope = {"user": user}
    contexts: dict[str, object] = {
        "request": SimpleNamespace(request=request),
        "consumer": {"request": SimpleNamespace(scope={**scope, "type": "websocket"})},
        "channels http": {"request": SimpleNamespace(consumer=SimpleNamespace(scope={**scope, "type": "http"}))},
        "own": {"user": user, "request": SimpleNamespace(scope={"type": "websocket"})},
    }
    policy = DjangoPolicy()

    async def ask(question: Any) -> Any:
        return await question(contexts[context])

    viewer, again = (async_to_sync(ask)(question) for question in (policy.viewer, policy.recheck))
    User.objects.update(is_active=False)
    later = async_to_sync(ask)(policy.recheck)

    assert policy.viewer(contexts["request"]) == viewer
    assert (viewer.id, again.id, later.id) == (str(user.pk), str(user.pk), None)


def signed_in(user: User, fingerprint: str) -> tuple[SessionStore, object]:
    """Return a session as signing in leaves it, and the context of a websocket that was opened with it."""
    session = SessionStore()
    backend = "django.contrib.auth.backends.ModelBackend"
    session.update({SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: backend, HASH_SESSION_KEY: fingerprint})
    session.create()
    return session, {"request": SimpleNamespace(scope={"type": "websocket", "user": user, "session": session})}


def test_a_rotated_secret_signs_nobody_out(settings: Any) -> None:
    """A session of the old secret is good, and keeps its key: a websocket has no way to hand out a new one."""
    user = User.objects.create_user("ann", password="a")
    session, context = signed_in(user, user.get_session_auth_hash())
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another one"

    viewer: Any = DjangoPolicy().viewer(context)

    assert viewer.id == str(user.pk)
    assert SessionStore().exists(session.session_key)


def test_a_session_that_does_not_fit_is_left_for_the_next_request() -> None:
    """Looking at a session changes nothing, also where Django would remove it."""
    user = User.objects.create_user("ann", password="a")
    session, context = signed_in(user, "of another password")

    viewer: Any = DjangoPolicy().viewer(context)

    assert viewer.id is None
    assert SessionStore().exists(session.session_key)


@pytest.mark.parametrize("key", [None, "0", "no key"])
def test_who_is_not_there_is_loaded_as_nobody(key: str | None) -> None:
    """A task finds an `AnonymousUser` for runs of nobody, and of users that are gone."""
    assert DjangoPolicy().load_user(Viewer(id=key)) == AnonymousUser()


def test_the_user_is_loaded_as_it_is_now() -> None:
    """A task finds the user's row; a deactivated user is nobody."""
    user = User.objects.create_user("ann")
    viewer = Viewer(id=str(user.pk))
    active = DjangoPolicy().load_user(viewer)

    User.objects.update(is_active=False)

    assert (active, DjangoPolicy().load_user(viewer)) == (user, AnonymousUser())


class TenantPolicy(DjangoPolicy):
    """Keeps the group of a user with the run, for which it asks the database."""

    def claims_of(self, user: Any) -> Mapping[str, Any]:
        return {"tenant": user.groups.get().name}


def test_claims_may_come_from_the_database() -> None:
    """`claims_of` may use the ORM, also when an async view asks."""
    tasks = Tasks("memory://", policy=TenantPolicy())

    @tasks.mutation()
    def work() -> int:
        return 1

    schema = Schema(extensions=[tasks.extension])
    request = RequestFactory().get("/")
    request.user = user = User.objects.create_user("ann")
    user.groups.add(Group.objects.create(name="acme"))
    with inline(tasks):
        context = SimpleNamespace(request=request)
        answer = async_to_sync(schema.execute)("mutation { work { id } }", context_value=context)
        assert answer.errors is None
        assert answer.data is not None
        run = tasks.handle(answer.data["work"]["id"]).started

    assert run.claims == {"tenant": "acme"}
