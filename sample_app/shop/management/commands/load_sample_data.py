"""``load_sample_data``: products, sales and users to try the shop with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from sample_app.shop.catalogue import CATALOGUE_SIZE, made_up_product, made_up_sales
from sample_app.shop.demo_users import DEMO_PASSWORD, DEMO_USERS, create_demo_users
from sample_app.shop.models import Product, Sale
from sample_app.shop.product_import import import_products


class Command(BaseCommand):
    """Adds what is missing; what is there stays as it is."""

    help = "Loads some thousand products and sales, and with DEBUG the demo's users, whose password everybody knows."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Load the data."""
        if not Product.objects.exists():
            for _ in import_products(made_up_product(number) for number in range(1, CATALOGUE_SIZE + 1)):
                pass
        if not Sale.objects.exists():
            Sale.objects.bulk_create(_sales(timezone.now()), batch_size=500)
        self.stdout.write(f"{Product.objects.count()} products, {Sale.objects.count()} sales.")
        if settings.DEBUG:
            create_demo_users()
            names = ", ".join(user.name for user in DEMO_USERS)
            self.stdout.write(f"Users: {names}; the password is {DEMO_PASSWORD}.")


def _sales(now: datetime) -> list[Sale]:
    products = Product.objects.in_bulk(field_name="sku")
    return [
        Sale(product=products[sale.sku], quantity=sale.quantity, price=sale.price, sold_at=sale.sold_at)
        for sale in made_up_sales(now)
        if sale.sku in products
    ]
