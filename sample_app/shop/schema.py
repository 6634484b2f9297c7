"""The shop's GraphQL schema; the tasks bring their fields."""

from __future__ import annotations

import strawberry
import strawberry_django
from strawberry import auto

from strawberry_tasks import Schema
from strawberry_tasks.django import default_tasks

from .models import Product


@strawberry_django.filter_type(Product, lookups=True)
class ProductFilter:
    """Which products."""

    sku: auto
    name: auto
    category: auto
    stock: auto


@strawberry_django.type(Product, filters=ProductFilter, pagination=True, description="Something that the shop sells.")
class ProductType:
    """Something that the shop sells."""

    sku: auto
    name: auto
    category: auto
    price: auto
    stock: auto


@strawberry.type
class Query:
    """What can be read."""

    products: list[ProductType] = strawberry_django.field(description="The shop's products, by their SKU.")

    @strawberry_django.field(description="How many products the shop has.")  # type: ignore[untyped-decorator]
    def product_count(self) -> int:
        """Count them."""
        return Product.objects.count()


schema = Schema(query=Query, extensions=[default_tasks.extension])
