"""Uploads wait in a storage, and only their keys travel."""

from __future__ import annotations

import io
from typing import BinaryIO

import pytest
import strawberry
from strawberry.file_uploads import Upload

from strawberry_tasks.codec import Codec, input_codec
from strawberry_tasks.errors import ValueEncodingError


class Shelf:
    """A storage of files in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def save(self, upload: object) -> str:
        assert isinstance(upload, io.BytesIO)
        key = f"file-{len(self.kept)}"
        self.kept[key] = upload.read()
        return key

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self.kept[key])


@strawberry.input
class Attachment:
    title: str
    file: Upload | None = None
    more: list[Attachment] = strawberry.field(default_factory=list)


def codec(annotation: object) -> Codec:
    """Make the codec of a parameter of this type."""
    return input_codec(annotation, where="here", namespace=globals(), scalar_map={})


def test_the_contents_arrive() -> None:
    """The task reads what the client sent."""
    shelf, made = Shelf(), codec(list[Upload | None])

    data = made.dump([io.BytesIO(b"abc"), None], shelf)
    loaded = made.load(data, shelf)

    assert data == ["file-0", None]
    assert isinstance(loaded, list)
    assert loaded[0].read() == b"abc"
    assert loaded[1] is None


def test_all_keys_are_found() -> None:
    """So that every file can be deleted once the run is over."""
    shelf, made = Shelf(), codec(Attachment)
    inner = Attachment(title="b", file=io.BytesIO(b"b"))  # type: ignore[arg-type]
    data = made.dump(Attachment(title="a", file=io.BytesIO(b"a"), more=[inner]), shelf)  # type: ignore[arg-type]

    keys = list(made.uploads(data))

    assert sorted(keys) == sorted(shelf.kept) == ["file-0", "file-1"]


def test_keys_are_found_in_what_may_be_absent() -> None:
    """A Maybe holds its upload in a list."""
    shelf, made = Shelf(), codec(strawberry.Maybe[Upload])

    assert list(made.uploads(made.dump(strawberry.Some(io.BytesIO()), shelf))) == ["file-0"]
    assert list(made.uploads(made.dump(None, shelf))) == []
    assert list(made.uploads(made.dump(strawberry.UNSET, shelf))) == []


def test_text_is_not_taken_for_a_key() -> None:
    """Only uploads are looked for."""
    assert list(codec(list[str]).uploads(["file-0"])) == []


def test_without_a_storage_an_upload_is_refused() -> None:
    """The error says what is missing."""
    with pytest.raises(ValueEncodingError, match="no storage for uploads"):
        codec(Upload).dump(io.BytesIO())
    with pytest.raises(ValueEncodingError, match="no storage for uploads"):
        codec(Upload).load("file-0")
