"""The same tasks under plain ASGI: Starlette and SQLite, no Django.

``uvicorn sample_app.plain_asgi:app`` serves GraphiQL, and ``dramatiq sample_app.plain_asgi`` runs the tasks.
"""

from __future__ import annotations

import gc
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import strawberry
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.asgi import GraphQL

from sample_app import supplier
from sample_app.shop.catalogue import CATALOGUE_SIZE, made_up_product, made_up_sales
from sample_app.shop.product_csv import Rejection, count_rows, read_products
from sample_app.shop.product_rows import ProductRow
from sample_app.shop.results import ImportReport, InventoryReport, RefusedStock, RejectedRow, SalesRow
from sample_app.shop.supplier_client import Page, Supplier
from strawberry_tasks import Schema, TaskContext, Tasks
from strawberry_tasks.uploads import Upload

DATABASE = Path(os.environ.get("PLAIN_DATABASE") or Path(__file__).parent / "var" / "plain.sqlite3")
SUPPLIER_URL = os.environ.get("SUPPLIER_URL") or f"http://127.0.0.1:{os.environ.get('PORT') or 8000}/supplier"

HOSTS = (os.environ.get("ALLOWED_HOSTS") or "localhost,127.0.0.1").split(",")

tasks = Tasks(os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0", namespace="plain")


@tasks.mutation()
def import_products(task: TaskContext, file: Upload) -> ImportReport:
    """Create and update products from a CSV file with the columns sku, name, category, price and stock."""
    total = count_rows(file)
    rejected, counts = [], {"created": 0, "updated": 0, "skipped": 0}
    with database() as connection:
        for done, item in enumerate(read_products(file), start=1):
            if isinstance(item, Rejection):
                rejected.append(RejectedRow(line=item.line, reason=item.reason, content=item.content))
            else:
                counts[store(connection, item)] += 1
            task.progress(done, total=total, message="Importing rows")
    return ImportReport(total=total, **counts, rejected_count=len(rejected), rejected=rejected[:20])


@tasks.mutation()
def sales_by_category(task: TaskContext, start: date, end: date) -> list[SalesRow]:
    """Add up the sales of a period; both days belong to it."""
    with database() as connection:
        rows = connection.execute(
            "SELECT category, count(*), sum(quantity), sum(quantity * sales.price) FROM sales JOIN products USING (sku)"
            " WHERE date(sold_at) BETWEEN ? AND ? GROUP BY category ORDER BY 4 DESC",
            (start.isoformat(), end.isoformat()),
        ).fetchall()
    task.progress(1, total=1, message="Added up")
    return [
        SalesRow(label=label, sales=sales, quantity=quantity, revenue=Decimal(cents) / 100)
        for label, sales, quantity, cents in rows
    ]


@tasks.mutation(max_retries=1, retry_delay=timedelta(seconds=3))
async def sync_inventory(task: TaskContext, provider: str) -> InventoryReport:
    """Take over a supplier's stock levels."""
    failures: list[RefusedStock] = []
    updated = unchanged = done = 0

    async def take(page: Page) -> None:
        nonlocal updated, unchanged, done
        with database() as connection:  # So short that the event loop can wait.
            for level in page.levels:
                known = connection.execute("SELECT stock FROM products WHERE sku = ?", (level.sku,)).fetchone()
                if known is None or level.stock < 0:
                    reason = "The shop has no such product." if known is None else "Its stock is negative."
                    failures.append(RefusedStock(sku=level.sku, reason=reason))
                elif known[0] == level.stock:
                    unchanged += 1
                else:
                    connection.execute("UPDATE products SET stock = ? WHERE sku = ?", (level.stock, level.sku))
                    updated += 1
        done += 1
        task.progress(done, total=page.pages, message="Reading the supplier's pages")

    async with httpx.AsyncClient(base_url=SUPPLIER_URL, timeout=10) as client:
        source = Supplier(client, provider.strip().upper(), task.id)
        pages = await source.read_all(take)
    return InventoryReport(
        provider=source.provider,
        updated=updated,
        unchanged=unchanged,
        failed=len(failures),
        failures=failures[:20],
        pages=pages,
        retries=source.retries,
    )


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """Open the database for one transaction; it is made, with products and sales in it, when it is not there."""
    DATABASE.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(DATABASE, timeout=30)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'products'").fetchone():
            connection.execute(
                "CREATE TABLE products (sku TEXT PRIMARY KEY, name, category, price INTEGER, stock INTEGER)"
            )
            connection.execute("CREATE TABLE sales (sku TEXT, quantity INTEGER, price INTEGER, sold_at TEXT)")
            for number in range(1, CATALOGUE_SIZE + 1):
                store(connection, made_up_product(number))
            sold = made_up_sales(datetime.now(UTC))
            rows = ((sale.sku, sale.quantity, int(sale.price * 100), sale.sold_at.isoformat()) for sale in sold)
            connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", rows)
        yield connection


def store(connection: sqlite3.Connection, row: ProductRow) -> str:
    """Create or change a product, and tell which it was."""
    values = (row.name, row.category, int(row.price * 100), row.stock)
    known = connection.execute("SELECT name, category, price, stock FROM products WHERE sku = ?", (row.sku,)).fetchone()
    connection.execute("REPLACE INTO products VALUES (?, ?, ?, ?, ?)", (row.sku, *values))
    return "created" if known is None else "skipped" if known == values else "updated"


@strawberry.type
class Query:
    """What can be read, besides runs."""

    @strawberry.field(description="How many products there are.")  # type: ignore[untyped-decorator]
    def product_count(self) -> int:
        """Count them."""
        with database() as connection:
            count: int = connection.execute("SELECT count(*) FROM products").fetchone()[0]
        return count


class OwnPagesOnly:
    """Refuses what a browser sends on behalf of another site: an upload is a form, which needs no permission to cross.

    Args:
        app: What answers the rest.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request whose ``Origin`` is not its ``Host``."""
        if scope["type"] in {"http", "websocket"}:
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and urlsplit(origin).netloc != headers.get("host"):
                # To a websocket that is not open yet it is an answer of HTTP as well.
                await PlainTextResponse("Another site's page may not ask this.", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


graphql: GraphQL[object, None] = GraphQL(
    Schema(query=Query, extensions=[tasks.extension]), multipart_uploads_enabled=True
)
# By default Python looks through all objects so often that a thousand subscribers notice: the event loop waits meanwhile.
gc.set_threshold(50_000, 20, 1000)

app = Starlette(
    routes=[
        Route("/graphql", graphql, methods=["GET", "POST"]),
        WebSocketRoute("/graphql", graphql),
        Mount("/supplier", routes=supplier.routes),
    ],
    # Nobody signs in here, so that whoever reaches this server may use it; a page of another site in somebody's browser may not.
    middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS), Middleware(OwnPagesOnly)],
)
