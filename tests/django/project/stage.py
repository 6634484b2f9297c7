"""Behind the scenes of the test project: views that change who is who, and start runs for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from typing import Any

from django.contrib.auth import login, logout
from django.contrib.auth.models import Permission, User
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from strawberry_tasks import Viewer
from strawberry_tasks.django import default_tasks
from strawberry_tasks.errors import TaskFailedError


def _view(act: Callable[[HttpRequest, dict[str, Any]], object]) -> Any:
    @csrf_exempt
    @wraps(act)
    def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"answer": act(request, json.loads(request.body))})

    return view


@_view
def change_user(request: HttpRequest, facts: dict[str, Any]) -> object:
    """Create or change a user, and return the primary key."""
    permissions, password = facts.pop("permissions", None), facts.pop("password", None)
    user, _ = User.objects.update_or_create(username=facts.pop("name"), defaults=facts)
    if permissions is not None:
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    if password is not None:
        user.set_password(password)
        user.save()
    return user.pk


@_view
def delete_user(request: HttpRequest, facts: dict[str, Any]) -> object:
    """Delete a user."""
    return User.objects.get(username=facts["name"]).delete()[0]


@_view
def sign_in(request: HttpRequest, facts: dict[str, Any]) -> object:
    """Sign a user in."""
    login(request, User.objects.get(username=facts["name"]))
    return None


@_view
def sign_out(request: HttpRequest, facts: dict[str, Any]) -> object:
    """Sign the user out."""
    logout(request)
    return None


@_view
def open_session(request: HttpRequest, facts: dict[str, Any]) -> object:
    """Give somebody a session who is not signed in."""
    request.session["seen"] = True
    return None


@_view
def start(request: HttpRequest, facts: dict[str, Any]) -> object:
    """Start a run, and return its id: delayed for so long that it stays PENDING, or waited for until it has ended."""
    delay = timedelta(hours=1) if facts["waits"] else None
    owned = default_tasks.find(facts["task"]).using(viewer=Viewer(id=facts["owner"]), delay=delay)
    handle = owned.enqueue(**facts["arguments"])
    if delay is None:
        with suppress(TaskFailedError):
            handle.result(timedelta(seconds=20))
    return handle.id


@_view
def lose(request: HttpRequest, facts: dict[str, Any]) -> object:
    """Have the store lose a run, as when its time is over."""
    default_tasks.runtime().flush_log()
    return default_tasks.runtime().store._records.pop(facts["run"]).snapshot.id


@_view
def watchers(request: HttpRequest, facts: dict[str, Any]) -> object:
    """Return how many subscribers the process has."""
    engine = default_tasks.runtime().hub._engine
    return 0 if engine is None else sum(slot.run_id is not None for slot in list(engine.slots))


urlpatterns = [
    path("watchers/", watchers),
    path("lose/", lose),
    path("change-user/", change_user),
    path("delete-user/", delete_user),
    path("sign-in/", sign_in),
    path("sign-out/", sign_out),
    path("open-session/", open_session),
    path("start/", start),
]
