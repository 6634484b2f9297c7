"""``load_sample_data``: products, sales and users to try the shop with."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from sample_app.shop.catalogue import CATALOGUE_SIZE, SEED, made_up_product
from sample_app.shop.demo_users import DEMO_PASSWORD, DEMO_USERS, create_demo_users
from sample_app.shop.models import Product, Sale
from sample_app.shop.product_import import import_products

SALES = 12_000
DAYS = 730


class Command(BaseCommand):
    """Adds what is missing; what is there stays as it is."""

    help = "Loads some thousand products and sales, and the demo's users."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Load the data."""
        if not Product.objects.exists():
            for _ in import_products(made_up_product(number) for number in range(1, CATALOGUE_SIZE + 1)):
                pass
        if not Sale.objects.exists():
            Sale.objects.bulk_create(_sales(timezone.now()), batch_size=500)
        create_demo_users()
        names = ", ".join(user.name for user in DEMO_USERS)
        self.stdout.write(f"{Product.objects.count()} products, {Sale.objects.count()} sales.")
        self.stdout.write(f"Users: {names}; the password is {DEMO_PASSWORD}.")


def _sales(now: datetime) -> list[Sale]:
    """Make up sales of the last two years: more of cheap things, more before Christmas, more of late."""
    chance = random.Random(SEED)
    products = list(Product.objects.order_by("sku")[:CATALOGUE_SIZE])
    weights = [1 / (5 + float(product.price)) for product in products]
    sold = []
    for product in chance.choices(products, weights, k=SALES):
        sold_at = now - timedelta(days=DAYS * chance.random() ** 1.15, seconds=chance.randrange(86_400))
        busy = sold_at.month in {11, 12}
        quantity = chance.choice((1, 1, 1, 2, 2, 3, 5)) + busy * chance.choice((0, 1, 2))
        sold.append(Sale(product=product, quantity=quantity, price=product.price, sold_at=sold_at))
    return sold
