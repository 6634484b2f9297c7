"""The owner's rule: who a context's user is, and what that one may do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from strawberry_tasks import OwnerPolicy, Snapshot, Viewer
from strawberry_tasks.policy import NOBODY
from tests.operations import Person


class StarletteUser:
    """As Starlette's own users are: without a key, and with an `identity` that is left to subclasses."""

    is_authenticated = True
    username = "anna"

    @property
    def identity(self) -> str:
        raise NotImplementedError


class StarletteRequest:
    """As Starlette's requests are: `user` asserts that there is a middleware for it."""

    def __init__(self, **scope: object) -> None:
        self.scope = scope

    @property
    def user(self) -> object:
        raise AssertionError("AuthenticationMiddleware must be installed")


def async_django(user: object) -> Any:
    """Make a request as Django's are in async code, where `user` may not be read."""

    async def auser() -> object:
        return user

    return SimpleNamespace(META={}, scope={"user": "not this"}, auser=auser, user=user)


ANONYMOUS = SimpleNamespace(pk=None, id=None, username="", is_authenticated=False, is_staff=False)

CONTEXTS = [
    (None, None),
    ({}, None),
    (object(), None),
    ({"user": None}, None),
    ({"user": ANONYMOUS}, None),
    ({"user": Person(pk=7)}, "7"),
    ({"user": SimpleNamespace(pk=7, is_active=True)}, "7"),
    ({"user": SimpleNamespace(pk=7, is_active=False)}, None),
    (SimpleNamespace(user=Person(pk=7)), "7"),
    ({"user": {"id": 7}}, "7"),
    ({"user": SimpleNamespace(id=8)}, "8"),
    ({"user": SimpleNamespace(pk=0, id=8)}, "0"),
    ({"user": SimpleNamespace(pk=None, id=8)}, "8"),
    ({"user": SimpleNamespace(identity="abc")}, "abc"),
    ({"user": StarletteUser()}, "anna"),
    ({"request": StarletteRequest(user=StarletteUser())}, "anna"),
    ({"request": StarletteRequest()}, None),
    (SimpleNamespace(request=SimpleNamespace(user=Person(pk=9), META={})), "9"),
    (SimpleNamespace(request=async_django(Person(pk=9))), "9"),
    ({"user": Person(pk=1), "request": SimpleNamespace(user=Person(pk=2))}, "1"),
]


@pytest.mark.parametrize(("context", "viewer_id"), CONTEXTS)
def test_viewer_of_a_context(context: object, viewer_id: str | None) -> None:
    """The context's user is found wherever the framework has put it, and named by its key."""
    viewer = OwnerPolicy().viewer(context)

    assert viewer == Viewer(id=viewer_id)


async def test_async_request() -> None:
    """On an event loop Django's user is awaited."""
    viewer = OwnerPolicy().viewer({"request": async_django(Person(pk=5, is_staff=True))})

    assert not isinstance(viewer, Viewer)
    assert await viewer == Viewer(id="5", is_staff=True)


def test_staff() -> None:
    """Staff is who Django says."""
    assert OwnerPolicy().viewer({"user": Person(pk=1, is_staff=True)}) == Viewer(id="1", is_staff=True)


def test_staff_without_a_name() -> None:
    """Who is not authenticated is nobody, whatever else the object says."""
    assert OwnerPolicy().viewer({"user": Person(pk=1, is_authenticated=False, is_staff=True)}) == NOBODY


@pytest.mark.parametrize("viewer_id", ["", 5])
def test_viewer_needs_a_name(viewer_id: Any) -> None:
    """An empty id would make a run everybody's, and is refused."""
    with pytest.raises(ValueError, match="expected an id"):
        Viewer(id=viewer_id)


OWNED, UNOWNED = (Snapshot(id="r", name="n", queue="q", owner=owner) for owner in ("1", None))


@pytest.mark.parametrize(
    ("viewer", "owned", "unowned", "listed"),
    [
        (Viewer(id="1"), True, True, "1"),
        (Viewer(id="2"), False, True, "2"),
        (NOBODY, False, True, None),
        (Viewer(id="3", is_staff=True), True, True, None),
    ],
)
def test_rule(viewer: Viewer, owned: bool, unowned: bool, listed: str | None) -> None:
    """The owner and staff see an owned run, everybody who holds its id a run of nobody."""
    policy = OwnerPolicy()

    assert policy.may_see(viewer, OWNED) is owned
    assert policy.may_see(viewer, UNOWNED) is unowned
    assert policy.may_see_internals(viewer, OWNED) is viewer.is_staff
    assert policy.may_list(viewer) is (viewer is not NOBODY)
    assert policy.listed_owner(viewer) == listed


def test_user_of_a_running_task() -> None:
    """By default a task finds the viewer itself as its user."""
    viewer = Viewer(id="1", claims={"tenant": 1})

    assert OwnerPolicy().load_user(viewer) is viewer
