"""Reading a supplier: concurrency, retries, and what its failures become."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx
import pytest

from sample_app.shop import supplier_client
from sample_app.shop.supplier_client import CONCURRENCY, TRIES, Page, Supplier
from strawberry_tasks import TaskError
from tests.patience import SECONDS

Answer = Callable[[int], Awaitable[httpx.Response]]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once."""
    monkeypatch.setattr(supplier_client, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(supplier_client, "LONGEST_PAUSE", 0.002)


def page_of(number: int, pages: int = 20) -> httpx.Response:
    """Answer with a page of one level."""
    return httpx.Response(200, json={"pages": pages, "levels": [{"sku": f"P-{number}", "stock": number}]})


class FakeSupplier:
    """Answers each request by a function of the page's number, and keeps count."""

    def __init__(self, answer: Answer) -> None:
        self.requests: Counter[int] = Counter()
        self.at_once = self.most_at_once = 0
        self._answer = answer

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        self.requests[number] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._answer(number)
        finally:
            self.at_once -= 1


async def read(fake: FakeSupplier) -> tuple[Supplier, list[str], int]:
    """Read all pages; return the client, the SKUs and the number of pages."""
    skus: list[str] = []

    async def take(page: Page) -> None:
        skus.extend(level.sku for level in page.levels)

    async with httpx.AsyncClient(transport=httpx.MockTransport(fake), base_url="http://supplier") as client:
        supplier = Supplier(client, "ACME", "run")
        pages = await supplier.read_all(take)
    return supplier, skus, pages


async def test_every_page_is_read_once() -> None:
    """All levels arrive, and nothing is asked twice."""

    async def answer(number: int) -> httpx.Response:
        return page_of(number)

    fake = FakeSupplier(answer)
    supplier, skus, pages = await read(fake)

    assert sorted(skus) == sorted(f"P-{number}" for number in range(1, 21))
    assert (pages, supplier.retries) == (20, 0)
    assert set(fake.requests.values()) == {1}


async def test_so_many_pages_are_asked_for_at_once() -> None:
    """Requests overlap up to the limit, and not beyond."""
    full = asyncio.Event()

    async def answer(number: int) -> httpx.Response:
        if number > 1:
            if fake.at_once == CONCURRENCY:
                full.set()
            async with asyncio.timeout(SECONDS):
                await full.wait()
        return page_of(number)

    fake = FakeSupplier(answer)
    await read(fake)

    assert fake.most_at_once == CONCURRENCY


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_busy_page_is_asked_for_again(status: int) -> None:
    """Failures that may pass are repeated, and counted."""

    async def answer(number: int) -> httpx.Response:
        if number == 7 and fake.requests[7] < TRIES:
            return httpx.Response(status, headers={"Retry-After": "0.001"})
        return page_of(number)

    fake = FakeSupplier(answer)
    supplier, skus, _ = await read(fake)

    assert len(skus) == 20
    assert supplier.retries == TRIES - 1


async def test_a_lost_connection_is_repeated() -> None:
    """A failure of the network is like a busy page."""

    async def answer(number: int) -> httpx.Response:
        if number == 3 and fake.requests[3] == 1:
            raise httpx.ConnectError("refused")
        return page_of(number)

    fake = FakeSupplier(answer)
    supplier, skus, _ = await read(fake)

    assert len(skus) == 20
    assert supplier.retries == 1


async def test_a_supplier_that_stays_away_fails_the_run_for_now() -> None:
    """After the last try the run fails with the page and the status; a later attempt may work."""

    async def answer(number: int) -> httpx.Response:
        return httpx.Response(503) if number == 5 else page_of(number)

    fake = FakeSupplier(answer)
    with pytest.raises(TaskError, match="page 5 failed 4 times, at last with status 503") as failed:
        await read(fake)

    assert (failed.value.code, failed.value.retry) == ("SUPPLIER_UNAVAILABLE", True)
    assert fake.requests[5] == TRIES
    assert fake.at_once == 0


@pytest.mark.parametrize(("status", "code"), [(404, "UNKNOWN_SUPPLIER"), (401, "SUPPLIER_REFUSED")])
async def test_a_refusal_is_not_repeated(status: int, code: str) -> None:
    """What another try would not change fails the run for good."""

    async def answer(number: int) -> httpx.Response:
        return httpx.Response(status)

    fake = FakeSupplier(answer)
    with pytest.raises(TaskError) as failed:
        await read(fake)

    assert (failed.value.code, failed.value.retry) == (code, False)
    assert fake.requests == {1: 1}


@pytest.mark.parametrize("content", [b"<html>", b"{}", b'{"pages": 1, "levels": [{"sku": "x"}]}', b"[]"])
async def test_a_broken_answer_is_told(content: bytes) -> None:
    """What is no page of levels fails the run with a message for a person."""

    async def answer(number: int) -> httpx.Response:
        return httpx.Response(200, content=content)

    with pytest.raises(TaskError) as failed:
        await read(FakeSupplier(answer))

    assert failed.value.code == "SUPPLIER_BROKEN"


async def test_a_supplier_is_a_name_and_no_address() -> None:
    """Whatever a client calls it, nothing but that supplier's pages are asked for."""
    asked: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.url.host}{request.url.raw_path.decode()}")
        return httpx.Response(404)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://supplier") as client:
        for name in ("../ADMIN", "//ELSEWHERE/", "A?B=", "A#"):
            with pytest.raises(TaskError, match="There is no supplier"):
                await Supplier(client, name, "run").read_all(_ignore)

    assert asked == [
        f"supplier/{name}/stock?page=1" for name in ("..%2FADMIN", "%2F%2FELSEWHERE%2F", "A%3FB%3D", "A%23")
    ]


async def _ignore(_: Page) -> None:
    raise AssertionError("There is no page.")
