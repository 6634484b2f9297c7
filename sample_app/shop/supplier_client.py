"""Reads a supplier's stock levels: several pages at once, and again where the supplier is busy."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx

from strawberry_tasks import TaskError

CONCURRENCY = 6
"""Requests at the same time."""

TRIES = 4
"""Requests for one page, the first included."""

FIRST_PAUSE = 0.2
"""Seconds before the second try; doubles with each further one, and a little chance comes on top."""

LONGEST_PAUSE = 5.0
"""Seconds; also where the supplier asks for more."""

_WORTH_ANOTHER_TRY = {429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Level:
    """How much of a product a supplier has; nothing is checked yet."""

    sku: str
    stock: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a supplier's levels."""

    pages: int
    """How many pages there are."""

    levels: list[Level]


@dataclass(slots=True)
class Supplier:
    """A supplier, as one run of a task sees it.

    Args:
        client: Its base URL is the API's.
        provider: Which supplier.
        sync: Names the run to the supplier.
        retries: How many requests had to be repeated so far.
    """

    client: httpx.AsyncClient
    provider: str
    sync: str
    retries: int = 0
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENCY))

    async def read_all(self, take: Callable[[Page], Awaitable[None]]) -> int:
        """Read every page, and return how many there were.

        Args:
            take: Called with each page as it arrives, in no particular order.

        Raises:
            TaskError: If there is no such supplier, or it stays away.
        """
        first = await self._page(1)
        await take(first)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(2, first.pages + 1):
                    group.create_task(self._read(number, take))
        except ExceptionGroup as failures:
            # The others were cancelled, or failed of the same.
            raise failures.exceptions[0] from None
        return first.pages

    async def _read(self, number: int, take: Callable[[Page], Awaitable[None]]) -> None:
        async with self._slots:
            page = await self._page(number)
        await take(page)

    async def _page(self, number: int) -> Page:
        attempt = 0
        while True:
            attempt += 1
            response, problem = await self._ask(number)
            if response is not None and response.is_success:
                return _parse(response)
            if response is not None and response.status_code == 404:
                raise TaskError(f"There is no supplier “{self.provider}”.", code="UNKNOWN_SUPPLIER", retry=False)
            if response is not None and response.status_code not in _WORTH_ANOTHER_TRY:
                raise TaskError(f"The supplier refuses page {number}: {problem}.", code="SUPPLIER_REFUSED", retry=False)
            if attempt == TRIES:
                raise TaskError(
                    f"The supplier “{self.provider}” is not available: page {number} failed {TRIES} times, at last with {problem}.",
                    code="SUPPLIER_UNAVAILABLE",
                )
            self.retries += 1
            await asyncio.sleep(_pause(attempt, response))

    async def _ask(self, number: int) -> tuple[httpx.Response | None, str]:
        try:
            response = await self.client.get(
                f"/{quote(self.provider, safe='')}/stock", params={"page": number}, headers={"X-Sync": self.sync}
            )
        except httpx.TransportError as error:
            return None, type(error).__name__
        return response, f"status {response.status_code}"


def _parse(response: httpx.Response) -> Page:
    try:
        data = response.json()
        return Page(int(data["pages"]), [Level(str(item["sku"]), int(item["stock"])) for item in data["levels"]])
    except (ValueError, KeyError, TypeError) as error:
        raise TaskError(
            "The supplier answers with something that is no page of levels.", code="SUPPLIER_BROKEN"
        ) from error


def _pause(attempt: int, response: httpx.Response | None) -> float:
    pause: float = FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(1, 1.5)
    asked = response.headers.get("retry-after", "") if response is not None else ""
    if asked.replace(".", "", 1).isdecimal():
        pause = max(pause, float(asked))
    return min(pause, LONGEST_PAUSE)
