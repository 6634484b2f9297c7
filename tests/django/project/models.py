"""The project's models: rows that travel, in two databases."""

from __future__ import annotations

from typing import Any

from django.db import models


class Maker(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "project"


class Shown(models.Manager["Item"]):
    """Leaves out what was deleted softly."""

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(deleted=False)


class Item(models.Model):
    name = models.CharField(max_length=20)
    deleted = models.BooleanField(default=False)
    maker = models.ForeignKey(Maker, models.CASCADE, null=True, related_name="items")

    objects = Shown()
    everything: models.Manager[Item] = models.Manager()

    class Meta:
        app_label = "project"


class Part(models.Model):
    item = models.ForeignKey(Item, models.CASCADE, related_name="parts")
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "project"


class Book(Item):
    pages = models.IntegerField(default=0)

    class Meta:
        app_label = "project"


class Gift(Item):
    class Meta:
        app_label = "project"
        proxy = True
