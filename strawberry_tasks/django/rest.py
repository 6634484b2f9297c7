"""Runs over plain HTTP: one as JSON, and its changes as server-sent events."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from functools import wraps
from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe
from strawberry.django.context import StrawberryDjangoContext
from strawberry.utils.str_converters import to_camel_case

from ..app import Tasks
from ..errors import ClientError, StoreUnavailableError, TaskNotFoundError, UnforeseenError
from ..schema.visit import Visit, begin
from ..snapshot import Snapshot

HEARTBEAT = timedelta(seconds=15)
"""How often a stream of events says something, so that proxies leave it open."""

_FRESH = {"Cache-Control": "private, no-cache"}
_STREAM = {"Cache-Control": "private, no-cache, no-transform", "X-Accel-Buffering": "no"}

_STATUSES = {
    TaskNotFoundError: HTTPStatus.NOT_FOUND,
    StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The HTTP status of each error that has one of its own."""

logger = logging.getLogger(__name__)


class _AsgiRequiredError(ClientError):
    code = "ASGI_REQUIRED"

    def __init__(self) -> None:
        super().__init__("Events need an ASGI server; this one speaks WSGI.")


def task_urls(tasks: Tasks, *, heartbeat: timedelta = HEARTBEAT) -> list[URLPattern]:
    """Return the views of some tasks, for a URL configuration.

    ``tasks/<uuid>/`` is a run as JSON, with the names of its GraphQL fields, and ``tasks/<uuid>/events/`` its states as
    server-sent events. Both are for whom the policy lets see it.

    Args:
        tasks: Whose runs.
        heartbeat: How often a stream says something at least.
    """
    views = _Views(tasks, heartbeat)
    return [
        path("tasks/<uuid:run_id>/", _view(views.state), name="task"),
        path("tasks/<uuid:run_id>/events/", _view(views.events), name="task-events"),
    ]


class _Views:
    def __init__(self, tasks: Tasks, heartbeat: timedelta) -> None:
        self._tasks = tasks
        self._heartbeat = heartbeat

    async def state(self, request: HttpRequest, run_id: UUID) -> HttpResponseBase:
        """Answer with a run's present state, or that it is the one which the client has."""
        who = await self._begin(request)
        run = await who.get(str(run_id))
        etag = f'"{run.version}{"i" if _sees_internals(who, run) else ""}"'
        headers = {**_FRESH, "ETag": etag}
        known = get_conditional_response(request, etag=etag, response=HttpResponse(headers=headers))
        if known is not None and known.status_code != HTTPStatus.OK:
            return known
        return HttpResponse(await _dump(who, run), content_type="application/json", headers=headers)

    async def events(self, request: HttpRequest, run_id: UUID) -> HttpResponseBase:
        """Stream a run's states; those that the client has, by its ``Last-Event-ID``, are skipped."""
        who = await self._begin(request)
        run = await who.get(str(run_id))
        if not isinstance(request, ASGIRequest):
            return _error(HTTPStatus.NOT_IMPLEMENTED, _AsgiRequiredError())
        known = _version(request.headers.get("Last-Event-ID", ""))
        if run.is_terminal and known is not None and run.version <= known:
            # Tells a browser that has seen the end not to come back.
            return HttpResponse(status=HTTPStatus.NO_CONTENT, headers=_FRESH)
        content = () if request.method == "HEAD" else _events(who, run, known, self._heartbeat)
        return StreamingHttpResponse(content, content_type="text/event-stream", headers=_STREAM)

    async def _begin(self, request: HttpRequest) -> Visit:
        return await begin(self._tasks.registry, StrawberryDjangoContext(request=request, response=HttpResponse()))


def _view(answer: Callable[[HttpRequest, UUID], Awaitable[HttpResponseBase]]) -> Callable[..., HttpResponseBase]:
    """Make a view that only reads, and answers in JSON what it refuses."""

    @wraps(answer)
    async def view(request: HttpRequest, run_id: UUID) -> HttpResponseBase:
        try:
            return await answer(request, run_id)
        except ClientError as error:
            if isinstance(error, UnforeseenError):
                logger.exception("%s could not be answered.", request.path)
            return _error(_STATUSES.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR), error)

    return cast("Callable[..., HttpResponseBase]", require_safe(view))  # Django's types know no async views.


async def _events(who: Visit, run: Snapshot, known: int | None, heartbeat: timedelta) -> AsyncGenerator[str, None]:
    try:
        async with aclosing(who.watch(run, after=known, pulse=heartbeat)) as states:
            async for state in states:
                yield ":\n\n" if state is None else f"id: {state.version}\ndata: {await _dump(who, state)}\n\n"
    except ClientError as error:
        refusal = json.dumps({"code": error.code, "message": error.message})
        yield f"event: refused\ndata: {refusal}\n\n"


async def _dump(who: Visit, run: Snapshot) -> str:
    values = {**who.registry.values(run, who.viewer), "result": await who.registry.result(run, None)}
    named = {to_camel_case(name): value for name, value in values.items()}
    return json.dumps(named, default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"expected what a run is made of, got {value!r}.")


def _sees_internals(who: Visit, run: Snapshot) -> bool:
    return who.registry.policy.may_see_internals(who.viewer, run)


def _version(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _error(status: HTTPStatus, error: ClientError) -> HttpResponse:
    body = json.dumps({"code": error.code, "message": error.message})
    return HttpResponse(body, status=status, content_type="application/json", headers=_FRESH)
