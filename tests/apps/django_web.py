"""The scenarios behind Strawberry's views for Django, in a project of one file."""

from __future__ import annotations

from collections.abc import Callable

import django
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest
from django.urls import path
from strawberry.django.views import AsyncGraphQLView, GraphQLView

from strawberry_tasks import Schema
from tests.apps.documents import Seeds
from tests.apps.scenarios import Scenarios
from tests.apps.settings import Settings, User


class SignIn:
    """Believes the ``X-User`` header."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], object]) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> object:
        """Put the user where Django's own middleware does."""
        if name := request.headers.get("X-User"):
            request.user = User(id=name, is_staff=name == "staff", tenant="acme")  # type: ignore[assignment]
        return self._get_response(request)


settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="of a test",
    MIDDLEWARE=[f"{__name__}.SignIn"],
)
django.setup()

scenarios = Scenarios(Settings.from_environment().make_tasks())
seeds = Seeds(scenarios.tasks)
schema = Schema(extensions=[scenarios.tasks.extension])

urlpatterns = [
    path(
        "graphql/",
        AsyncGraphQLView.as_view(
            schema=schema,
            multipart_uploads_enabled=True,
            subscription_protocols=("graphql-sse", "multipart-subscription"),
        ),
    ),
    path("sync/", GraphQLView.as_view(schema=schema, multipart_uploads_enabled=True)),
]
app = get_asgi_application()
