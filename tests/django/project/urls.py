"""Where things are."""

from django.contrib import admin
from django.urls import include, path
from django.views.decorators.csrf import ensure_csrf_cookie
from strawberry.django.views import AsyncGraphQLView, GraphQLView

from tests.django.project.schema import schema

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("strawberry_tasks.django.urls")),
    path(
        "graphql/", ensure_csrf_cookie(AsyncGraphQLView.as_view(schema=schema, subscription_protocols=("graphql-sse",)))
    ),
    path("sync/", ensure_csrf_cookie(GraphQLView.as_view(schema=schema))),
    path("stage/", include("tests.django.project.stage")),
]
