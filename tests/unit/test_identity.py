"""How whoever is signed in is named: never as nobody, and never as somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils.functional import SimpleLazyObject

from strawberry_tasks import OwnerPolicy, Schema, Tasks, Viewer
from strawberry_tasks.django.policy import DjangoPolicy
from strawberry_tasks.errors import UnknownUserError
from strawberry_tasks.policy import NOBODY
from strawberry_tasks.testing import recorded
from tests.operations import refuse

SOME = UUID(int=5)


@dataclass
class Account:
    """A user as a project writes it; its text is the same for each."""

    id: object = None
    email: str = "ann@example.com"

    def __str__(self) -> str:
        return "account"


class Row:
    """A row as drivers of databases return it: no mapping, but entries."""

    def __init__(self, **entries: object) -> None:
        self._entries = entries

    def keys(self) -> list[str]:
        return list(self._entries)

    def __iter__(self) -> Iterator[object]:
        return iter(self._entries.values())

    def __getitem__(self, key: str) -> object:
        return self._entries[key]


class ObjectId:
    """A key as MongoDB has it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectId) and other.text == self.text

    __hash__ = None  # type: ignore[assignment]


class Secret:
    """A text that does not show itself."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return "****"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.text == self.text

    __hash__ = None  # type: ignore[assignment]


class FlaskLogin:
    """A user as Flask-Login has them."""

    is_authenticated = is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return "7"


class Old:
    """A user whose flags are methods, as they once were in Django and Flask-Login."""

    def __init__(self, *, signed_in: bool) -> None:
        self.id = 7
        self._signed_in = signed_in

    def is_authenticated(self) -> bool:
        return self._signed_in

    def is_staff(self) -> bool:
        return False


class QuartAuth:
    """A user as Quart-Auth has them."""

    auth_id = "7"

    @property
    async def is_authenticated(self) -> bool:
        return False


class AsyncStaff:
    id = 7

    async def is_staff(self) -> bool:
        return False


class Falsy(SimpleNamespace):
    def __bool__(self) -> bool:
        return False


class Color(Enum):
    RED = 1


class Broken:
    """A user whose key cannot be read, and who has chosen another one's key as a name."""

    username = "7"

    @property
    def id(self) -> int:
        raise AttributeError("typo")


NAMED = [
    ("ann", "ann"),
    (7, "7"),
    (0, "0"),
    (SOME, str(SOME)),
    ({"id": "ann"}, "ann"),
    ({"id": 0, "username": "x"}, "0"),
    ({"sub": "auth0|5", "email": "ann@example.com", "aud": "shop"}, "auth0|5"),
    ({"user_id": 7, "token_type": "access"}, "7"),
    ({"uid": "firebase"}, "firebase"),
    ({"username": "ann"}, "ann"),
    (Row(id=7), "7"),
    (Account(id=SOME), str(SOME)),
    (Account(id=ObjectId("65f0")), "65f0"),
    (SimpleNamespace(uuid=SOME, email="ann@example.com"), str(SOME)),
    (SimpleNamespace(sub="ann"), "ann"),
    (SimpleNamespace(id=7, is_authenticated=True, is_active=None), "7"),
    (Falsy(id=7), "7"),
    (FlaskLogin(), "7"),
    (Old(signed_in=True), "7"),
    (SimpleLazyObject(lambda: User(pk=7)), "7"),
    (Viewer(id="ann"), "ann"),
]

NOBODIES = [
    None,
    AnonymousUser(),
    SimpleLazyObject(AnonymousUser),
    SimpleLazyObject(lambda: None),
    {"is_authenticated": False},
    {"id": 7, "is_authenticated": False},
    {"id": 7, "is_active": False},
    SimpleNamespace(id=7, is_anonymous=True),
    Old(signed_in=False),
]

UNNAMED = [
    "",
    " ",
    False,
    True,
    b"ann",
    {},
    [],
    ("ann",),
    float("nan"),
    Color.RED,
    object(),
    {"email": "ann@example.com"},
    {"id": None},
    {"id": None, "username": "7"},
    {"id": True},
    {"id": b"7"},
    {"id": object()},
    {"id": {"$oid": "65f0"}},
    Account(id=None),
    Account(id=Account(id=7)),
    Account(id=Secret("7")),
    SimpleNamespace(email="ann@example.com"),
    SimpleNamespace(pk="", id=""),
    User(username="7"),
    SimpleLazyObject(lambda: User(username="7")),
    User,
    Broken(),
    QuartAuth(),
    AsyncStaff(),
]


@pytest.mark.parametrize("policy", [OwnerPolicy(), DjangoPolicy()])
@pytest.mark.parametrize(("user", "name"), NAMED, ids=lambda value: type(value).__name__)
def test_users_are_named_by_what_is_theirs_alone(policy: OwnerPolicy, user: object, name: str) -> None:
    """Mappings, rows, objects of any kind and plain ids; none of these is staff."""
    viewer = policy.viewer_of(user)

    assert (viewer.id, viewer.is_staff) == (name, False)


@pytest.mark.parametrize("user", NOBODIES, ids=lambda value: type(value).__name__)
def test_nobody_is_who_says_so(user: object) -> None:
    """None, and what says not to be authenticated, through a lazy object as well."""
    assert OwnerPolicy().viewer_of(user) is NOBODY


@pytest.mark.parametrize("policy", [OwnerPolicy(), DjangoPolicy()])
@pytest.mark.parametrize("user", UNNAMED, ids=lambda value: type(value).__name__)
def test_who_is_there_and_cannot_be_named_is_refused(policy: OwnerPolicy, user: object) -> None:
    """The operation fails with a code, and tells how to write a policy; nothing is enqueued that would be open to all."""
    tasks = Tasks("memory://", policy=policy)
    tasks.mutation()(work)
    schema = Schema(extensions=[tasks.extension])

    with recorded(tasks) as recorder:
        message, code = refuse(schema, "mutation { work { id } }", user=user)

        recorder.assert_nothing_enqueued()
    assert code == "UNKNOWN_USER"
    assert "def viewer_of(self, user)" in message


def work() -> int:
    return 1


ANN = {"id": "ann"}


class Context:
    """A context that makes its user anew for each who asks."""

    def user(self) -> object:
        return ANN


class AsyncContext:
    async def user(self) -> object:
        return ANN


class PropertyContext:
    @property
    async def user(self) -> object:
        return ANN


class CachedContext:
    """Whoever asks first awaits the coroutine, and who asks next gets one that is spent."""

    @cached_property
    async def user(self) -> object:
        return ANN


class Derived(dict[str, object]):
    """A context with entries and attributes."""

    user = ANN


async def sign_in() -> object:
    return ANN


@pytest.mark.parametrize(
    "make",
    [
        Context,
        AsyncContext,
        PropertyContext,
        Derived,
        lambda: {"user": sign_in},
        lambda: {"user": lambda: ANN},
        lambda: {"user": asyncio.ensure_future(sign_in())},
        lambda: {"current_user": ANN},
    ],
)
async def test_users_that_are_made_or_awaited(make: Callable[[], object]) -> None:
    """Methods are called, and what can be awaited more than once is awaited."""
    context = make()

    viewers = [
        viewer if isinstance(viewer := OwnerPolicy().viewer(context), Viewer) else await viewer for _ in range(2)
    ]

    assert viewers == [Viewer(id="ann"), Viewer(id="ann")]


@pytest.mark.parametrize("context", [CachedContext(), {"user": sign_in()}])
async def test_a_coroutine_is_left_to_its_owner(context: Any) -> None:
    """It can be awaited once, and a context is asked more than once."""
    with pytest.raises(UnknownUserError, match="got a coroutine"):
        OwnerPolicy().viewer(context)

    kept = context["user"] if isinstance(context, dict) else context.user
    assert await kept == ANN


def test_a_context_that_fails_is_not_taken_for_empty() -> None:
    """An AttributeError inside a property would look like no user."""

    class Typo:
        @property
        def user(self) -> object:
            return self.requst  # type: ignore[attr-defined]

    with pytest.raises(AttributeError, match="requst"):
        OwnerPolicy().viewer(Typo())


@pytest.mark.parametrize("found", [None, "ann"])
async def test_a_policy_that_names_no_viewer_is_refused(found: Any) -> None:
    """A coroutine that returned nothing would be taken for nobody."""

    class Careless(OwnerPolicy):
        async def viewer(self, context: object) -> Viewer:
            return found  # type: ignore[no-any-return]

    tasks = Tasks("memory://", policy=Careless())
    tasks.mutation()(work)

    with recorded(tasks) as recorder:
        result = await Schema(extensions=[tasks.extension]).execute("mutation { work { id } }", context_value={})

        recorder.assert_nothing_enqueued()
    assert result.errors is not None
    assert "to return a Viewer" in result.errors[0].message
