"""The page, its sign-in, and sample files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from django.contrib.auth.views import LoginView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from sample_app.supplier import PAGES, PROVIDERS
from strawberry_tasks.contrib.health import ahealthz
from strawberry_tasks.django import default_tasks

from .catalogue import MAX_ROWS, SampleKind, sample_file
from .content_policy import strict_content_policy
from .demo_users import DEMO_PASSWORD, DEMO_USERS
from .results import GroupBy

DEFAULT_ROWS = 50_000


@require_safe
@ensure_csrf_cookie
@strict_content_policy
def page(request: HttpRequest) -> HttpResponse:
    """Show the page that starts tasks and watches them."""
    today = timezone.localdate()
    context = {
        "start": today - timedelta(days=364),
        "end": today,
        "groups": list(GroupBy),
        "providers": PROVIDERS,
        "supplier_pages": PAGES,
        "samples": SAMPLES,
        "viewer": request.user.get_username() or None,
    }
    return render(request, "shop/page.html", context)


@require_safe
async def health(_: HttpRequest) -> HttpResponse:
    """Tell a load balancer whether runs can be started and watched here."""
    status, body = await ahealthz(default_tasks)
    return JsonResponse(body, status=status)


@method_decorator(strict_content_policy, name="dispatch")
class SignIn(LoginView):
    """Signs one of the demo users in."""

    template_name = "shop/sign_in.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add who there is."""
        return super().get_context_data(**kwargs, demo_users=DEMO_USERS, demo_password=DEMO_PASSWORD)


SAMPLES = {
    SampleKind.GOOD: "50,000 rows",
    SampleKind.BAD_ROWS: "Bad rows",
    SampleKind.WRONG_COLUMNS: "Wrong columns",
    SampleKind.WRONG_ENCODING: "Windows-1252",
}


@require_safe
async def sample_csv(request: HttpRequest, kind: str) -> HttpResponseBase:
    """Stream a product file to try the import with; ``?rows=`` says how long."""
    text = request.GET.get("rows", str(DEFAULT_ROWS))
    if kind not in set(SampleKind) or not text.isdecimal() or not 0 <= int(text) <= MAX_ROWS:
        raise Http404
    return StreamingHttpResponse(
        _stream(SampleKind(kind), int(text)),
        content_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="products-{kind}-{int(text)}.csv"'},
    )


async def _stream(kind: SampleKind, rows: int) -> AsyncIterator[bytes]:
    for chunk in sample_file(kind, rows):
        yield chunk
