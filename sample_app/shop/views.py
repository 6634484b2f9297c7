"""The page, its sign-in, and sample files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.views import LoginView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import content_disposition_header
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from sample_app.supplier import PAGES, PROVIDERS
from strawberry_tasks.contrib.health import ahealthz
from strawberry_tasks.django import default_tasks
from strawberry_tasks.schema.visit import begin

from . import report_files
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
        users = DEMO_USERS if settings.DEBUG else ()
        return super().get_context_data(**kwargs, demo_users=users, demo_password=DEMO_PASSWORD)


FILE_KINDS = {".svg": "image/svg+xml", ".csv": "text/csv; charset=utf-8"}


@require_safe
async def report_file(request: HttpRequest, run_id: UUID, name: str) -> HttpResponse:
    """Give a file of a report to those who may see its run; for others there is none."""
    who = await begin(default_tasks.registry, {"request": request})
    run, kind = await who.find(str(run_id)), FILE_KINDS.get(PurePosixPath(name).suffix)
    content = await sync_to_async(report_files.read)(run.id, name) if run and kind else None
    if content is None:
        raise Http404
    return HttpResponse(
        content,
        content_type=kind,
        headers={
            # The page shows a picture all the same. By itself it is no page of ours, whatever stands in it.
            "Content-Disposition": content_disposition_header(as_attachment=True, filename=name),
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-cache",
        },
    )


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
