"""The shop as a Django app."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """The shop."""

    name = "sample_app.shop"
    verbose_name = "Shop"
