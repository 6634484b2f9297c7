"""What the shop keeps: products, and their sales."""

from __future__ import annotations

from django.db import models

from .product_rows import MAX_CATEGORY, MAX_NAME, MAX_SKU, PRICE_DIGITS, PRICE_PLACES


class Product(models.Model):
    """Something that the shop sells."""

    sku = models.CharField(max_length=MAX_SKU, unique=True)
    name = models.CharField(max_length=MAX_NAME)
    category = models.CharField(max_length=MAX_CATEGORY, db_index=True)
    price = models.DecimalField(max_digits=PRICE_DIGITS, decimal_places=PRICE_PLACES)
    stock = models.PositiveIntegerField(default=0)

    class Meta:
        """Model options."""

        ordering = ("sku",)

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"


class Sale(models.Model):
    """Some pieces of a product, sold at once."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="sales")
    quantity = models.PositiveIntegerField()
    price = models.DecimalField(max_digits=PRICE_DIGITS, decimal_places=PRICE_PLACES)
    sold_at = models.DateTimeField(db_index=True)

    class Meta:
        """Model options."""

        ordering = ("sold_at",)

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product_id} at {self.sold_at:%Y-%m-%d}"
