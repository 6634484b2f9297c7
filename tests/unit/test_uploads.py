"""Uploaded files in a directory: kept, opened, removed, and never outside of it."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import Any

import pytest

from strawberry_tasks.errors import TaskInputError
from strawberry_tasks.uploads import DirectoryUploads, upload_name, upload_stream


class Wrapped:
    """As Starlette's uploads are: a sync file inside, and an async face."""

    def __init__(self, content: bytes, filename: str) -> None:
        self.file = io.BytesIO(content)
        self.filename = filename

    async def read(self) -> bytes:
        raise AssertionError


def named(content: bytes, name: object) -> io.BytesIO:
    """Make a file with a name, as Django's uploads are."""
    file = io.BytesIO(content)
    file.name = name
    return file


@pytest.mark.parametrize("upload", [Wrapped(b"abc", "rows.csv"), named(b"abc", "rows.csv")])
def test_round_trip(tmp_path: Path, upload: object) -> None:
    """What is kept can be read under the uploaded file's name, and is gone once it is deleted."""
    uploads = DirectoryUploads(tmp_path / "deep" / "er")

    key = uploads.save(upload)
    with uploads.open(key) as kept:
        content, name = kept.read(), Path(kept.name).name
    uploads.delete(key)

    assert (content, name) == (b"abc", "rows.csv")
    assert not list((tmp_path / "deep" / "er").iterdir())


def test_from_the_beginning(tmp_path: Path) -> None:
    """A file that somebody has read already is kept whole."""
    file = named(b"abc", "a")
    file.read()
    uploads = DirectoryUploads(tmp_path)

    with uploads.open(uploads.save(file)) as kept:
        assert kept.read() == b"abc"


def test_private(tmp_path: Path) -> None:
    """Nobody else on the machine may read uploads."""
    uploads = DirectoryUploads(tmp_path / "own")

    uploads.save(named(b"a", "a"))

    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700


def test_deleted_twice(tmp_path: Path) -> None:
    """Deleting what is gone is harmless."""
    uploads = DirectoryUploads(tmp_path)
    key = uploads.save(named(b"a", "a"))

    uploads.delete(key)
    uploads.delete(key)

    with pytest.raises(FileNotFoundError):
        uploads.open(key)


@pytest.mark.parametrize("key", ["", "..", "../etc", "a/b", "/"])
@pytest.mark.parametrize("method", ["open", "delete"])
def test_key_of_another_place(tmp_path: Path, key: str, method: str) -> None:
    """A key never leads out of the directory."""
    with pytest.raises(ValueError, match="expected the key of an upload"):
        getattr(DirectoryUploads(tmp_path), method)(key)


def test_nothing_is_left_of_a_broken_upload(tmp_path: Path) -> None:
    """If the upload breaks off, nothing of it stays."""

    class Broken(io.BytesIO):
        name = "a"

        def read(self, *_: Any) -> bytes:
            raise OSError("broken off")

    with pytest.raises(OSError, match="broken off"):
        DirectoryUploads(tmp_path).save(Broken())

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("upload", ["text", 5, object(), {"file": 1}])
def test_no_file(tmp_path: Path, upload: object) -> None:
    """What is no file is the client's error, and leaves nothing."""
    with pytest.raises(TaskInputError, match=f"expected an uploaded file, got {type(upload).__name__}"):
        DirectoryUploads(tmp_path).save(upload)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("rows.csv", "rows.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\files\\rows.csv", "rows.csv"),
        ("Übersicht 1.csv", "Übersicht 1.csv"),
        ("a\x00b\nc.csv", "a_b_c.csv"),
        ("..", "upload"),
        ("", "upload"),
        (None, "upload"),
        (5, "5"),
        ("x" * 300 + ".csv", "x" * 96 + ".csv"),
    ],
)
def test_safe_name(name: object, safe: str) -> None:
    """Whatever the client called the file, its name is one in a file system."""
    assert upload_name(named(b"", name)) == safe


def test_long_name_in_another_script(tmp_path: Path) -> None:
    """A long name whose letters take several bytes each can be kept, too."""
    uploads = DirectoryUploads(tmp_path)

    with uploads.open(uploads.save(named(b"a", "報" * 200 + ".csv"))) as kept:
        assert kept.name.endswith(".csv")


def test_stream_that_cannot_seek() -> None:
    """A stream that only goes forward is taken as it is."""

    class Forward(io.RawIOBase):
        def readable(self) -> bool:
            return True

    stream = Forward()

    assert upload_stream(stream) is stream
