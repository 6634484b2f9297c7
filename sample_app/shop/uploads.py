"""Where uploads are kept until their task has ended."""

from __future__ import annotations

from django.core.files.storage import storages

from strawberry_tasks.django.uploads import StorageUploads

uploads = StorageUploads(storages["uploads"])
