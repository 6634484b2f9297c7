"""Uploads in a Django storage."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from strawberry_tasks.django.uploads import StorageUploads


class Breaking(io.BytesIO):
    """A file that breaks off in the middle."""

    name = "a.csv"

    def read(self, *size: Any) -> bytes:
        if self.tell() >= 100_000:
            raise OSError(28, "No space left on device")
        return super().read(*size)


def test_nothing_is_left_of_a_broken_upload(tmp_path: Path) -> None:
    """Storages leave what they have written so far."""
    uploads = StorageUploads(FileSystemStorage(tmp_path))

    with pytest.raises(OSError, match="No space left"):
        uploads.save(Breaking(b"x" * 300_000))

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_round_trip(tmp_path: Path) -> None:
    """What is kept can be read, and is gone once it is deleted."""
    uploads = StorageUploads(FileSystemStorage(tmp_path))
    file = io.BytesIO(b"abc")
    file.name = "../../a.csv"

    key = uploads.save(file)
    with uploads.open(key) as kept:
        content = kept.read()
    uploads.delete(key)

    assert content == b"abc"
    assert key.startswith("strawberry_tasks/")
    assert key.endswith("-a.csv")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
