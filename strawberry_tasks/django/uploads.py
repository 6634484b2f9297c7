"""Keeps uploaded files in one of Django's storages."""

from __future__ import annotations

import contextlib
from typing import BinaryIO, cast
from uuid import uuid4

from django.core.files import File
from django.core.files.storage import Storage, default_storage

from ..uploads import upload_name, upload_stream


class StorageUploads:
    """Keeps uploads in a Django storage, so that web processes and workers on several machines see the same files.

    Args:
        storage: By default Django's default storage.
        prefix: What the names in the storage start with.
    """

    def __init__(self, storage: Storage | None = None, *, prefix: str = "strawberry_tasks/") -> None:
        self._storage: Storage = storage if storage is not None else default_storage
        self._prefix = prefix

    def save(self, upload: object) -> str:
        """Copy the upload into the storage; the key is its name there."""
        # One flat name: most storages cannot remove a directory, and would keep an empty one for each upload.
        name = f"{self._prefix}{uuid4().hex}-{upload_name(upload)}"
        stream = upload_stream(upload)
        try:
            return self._storage.save(name, File(stream))
        except BaseException:
            # Storages leave what they have written so far, say on a disk that is full.
            with contextlib.suppress(Exception):
                self._storage.delete(name)
            raise

    def open(self, key: str) -> BinaryIO:
        """Open the copy."""
        return cast("BinaryIO", self._storage.open(key, "rb"))

    def delete(self, key: str) -> None:
        """Remove the copy."""
        self._storage.delete(key)
