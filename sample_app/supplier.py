"""A small supplier's HTTP API, with the faults of a real one: slow pages, busy moments, an outage, odd data.

``GET /supplier/{provider}/stock?page=1`` answers ``{"page": 1, "pages": 61, "levels": [{"sku": "P-000001", "stock": 12}, …]}``.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sample_app.shop.catalogue import CATALOGUE_SIZE, made_up_product, sku_of

PAGE_SIZE = 50
PAGES = CATALOGUE_SIZE // PAGE_SIZE + 1
"""One more than the shop's own products take: the supplier also has some that the shop has not."""

REMEMBERED_REQUESTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How one of the suppliers behaves."""

    name: str
    """For people."""

    manner: str
    """What people will see."""

    seconds: float
    """How long a page takes; some take three times as long."""

    busy_every: int = 0
    """Every so many pages the first request is answered with 503; 0 is never, 1 refuses all requests."""


PROVIDERS = {
    "AMAZON": Provider(name="Amazon", manner="Steady.", seconds=0.15),
    "GLOBEX": Provider(name="Globex", manner="Slow, and busy on every third page.", seconds=0.25, busy_every=3),
    "INITECH": Provider(name="Initech", manner="Always down: a retry, then a failure.", seconds=0.1, busy_every=1),
}

_refused: OrderedDict[tuple[str, str, int], None] = OrderedDict()


async def stock(request: Request) -> JSONResponse:
    """Answer with a page of stock levels."""
    key, page = request.path_params["provider"], request.query_params.get("page", "1")
    provider = PROVIDERS.get(key)
    if provider is None or not page.isdecimal() or not 1 <= int(page) <= PAGES:
        return JSONResponse({"error": "no such provider or page"}, 404)
    sync = request.headers.get("x-sync", "")[:64]
    await asyncio.sleep(provider.seconds * (3 if int(page) % 10 == 0 else 1))
    if _is_busy(provider, (key, sync, int(page))):
        return JSONResponse({"error": "busy"}, 503, {"Retry-After": "0.3"})
    return JSONResponse({"page": int(page), "pages": PAGES, "levels": levels(key, sync, int(page))})


def levels(key: str, sync: str, page: int) -> list[dict[str, str | int]]:
    """Make up a page's levels: most as the shop began with, some others, one in ten pages with an impossible one.

    Args:
        key: Which provider.
        sync: Changes which levels differ.
        page: Which page, from 1.
    """
    if page == PAGES:
        return [{"sku": f"X-{number:06}", "stock": 7} for number in range(1, 6)]
    chance = random.Random(f"{key} {sync} {page}")
    numbers = range((page - 1) * PAGE_SIZE + 1, page * PAGE_SIZE + 1)
    found: list[dict[str, str | int]] = [
        {
            "sku": sku_of(number),
            "stock": chance.randrange(250) if chance.random() < 0.4 else made_up_product(number).stock,
        }
        for number in numbers
    ]
    if page % 10 == 0:
        found[-1]["stock"] = -1
    return found


def _is_busy(provider: Provider, request: tuple[str, str, int]) -> bool:
    if not provider.busy_every or request[2] % provider.busy_every:
        return False
    if provider.busy_every > 1 and request in _refused:
        return False
    _refused[request] = None
    while len(_refused) > REMEMBERED_REQUESTS:
        _refused.popitem(last=False)
    return True


routes = [Route("/{provider}/stock", stock)]
