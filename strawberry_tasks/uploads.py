"""Keeps uploaded files from enqueue until their run has ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, Self, cast
from uuid import uuid4

from .errors import TaskInputError

CHUNK = 1024 * 1024
"""Bytes copied at a time."""


class Uploads(Protocol):
    """Where uploaded files are kept. Web processes and workers have to see the same files.

    All methods may be called from any thread.
    """

    def save(self, upload: object) -> str:
        """Keep a file as the web framework hands it over, and return its key."""

    def open(self, key: str) -> BinaryIO:
        """Open a kept file for reading in binary; its ``name`` ends in the uploaded file's name."""

    def delete(self, key: str) -> None:
        """Remove a kept file; harmless when it is gone."""


class DirectoryUploads:
    """Keeps uploads as files of one directory.

    Args:
        directory: Made when first needed, readable by its owner alone. By default one in the system's temporary directory.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self._directory = Path(directory or Path(tempfile.gettempdir(), f"strawberry-tasks-uploads-{_user()}"))

    def save(self, upload: object) -> str:
        """Copy the upload into the directory."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = uuid4().hex
        path = self._path(key)
        path.mkdir(mode=0o700)
        try:
            with Path(path, upload_name(upload)).open("wb") as kept:
                shutil.copyfileobj(upload_stream(upload), kept, CHUNK)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return key

    def open(self, key: str) -> BinaryIO:
        """Open the copy."""
        (path,) = self._path(key).iterdir()
        return path.open("rb")

    def delete(self, key: str) -> None:
        """Remove the copy."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._path(key))

    def _path(self, key: str) -> Path:
        if not key.isalnum():
            raise ValueError(f"expected the key of an upload, got {key!r}.")
        return self._directory / key


class OpenUploads:
    """The files of one attempt, which are closed with the block.

    Args:
        uploads: Where they are kept.
    """

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._files = contextlib.ExitStack()

    def save(self, upload: object) -> str:
        """Keep a file."""
        return self._uploads.save(upload)

    def open(self, key: str) -> BinaryIO:
        """Open a kept file until the end of the block."""
        return self._files.enter_context(contextlib.closing(self._uploads.open(key)))

    def close(self) -> None:
        """Close all of them."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()


def upload_name(upload: object) -> str:
    """Return the uploaded file's name, without any directory, fit for a file system."""
    name = getattr(upload, "filename", None) or getattr(upload, "name", None) or "upload"
    safe = "".join(c if c.isalnum() or c in "._- " else "_" for c in PurePosixPath(str(name).replace("\\", "/")).name)
    # File systems count bytes, of which a letter may take four.
    return safe.strip(". ")[-100:].encode()[-200:].decode(errors="ignore") or "upload"


def upload_stream(upload: object) -> BinaryIO:
    """Return the uploaded file as an open binary file, at its beginning.

    Raises:
        TaskInputError: If the object is not a file.
    """
    # Starlette and Litestar wrap a synchronous file, whose own `read` is a coroutine function.
    stream = getattr(upload, "file", None)
    if not callable(getattr(stream, "read", None)):
        stream = upload
    if not callable(getattr(stream, "read", None)):
        raise TaskInputError(f"expected an uploaded file, got {type(upload).__name__}.")
    with contextlib.suppress(AttributeError, OSError):
        cast("BinaryIO", stream).seek(0)
    return cast("BinaryIO", stream)


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
