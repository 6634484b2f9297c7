"""Where things are that Django serves; `sample_app.asgi` has the rest."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.decorators.csrf import ensure_csrf_cookie
from strawberry.django.views import AsyncGraphQLView
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from sample_app.shop import views
from sample_app.shop.schema import schema

graphql = AsyncGraphQLView.as_view(
    schema=schema,
    multipart_uploads_enabled=True,
    allow_queries_via_get=False,
    subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
)

urlpatterns = [
    path("", views.page, name="page"),
    path("healthz", views.health, name="healthz"),
    # Django's CSRF check is on: a form of another site could post a file here. GraphiQL sends the token of the cookie.
    path("graphql", ensure_csrf_cookie(graphql), name="graphql"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("strawberry_tasks.django.urls")),
    path("files/reports/<uuid:run_id>/<str:name>", views.report_file, name="report-file"),
    path("samples/<slug:kind>.csv", views.sample_csv, name="sample-csv"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
]
