"""Keeps uploaded files from enqueue until their run has ended."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, Self, TypeAlias, cast
from uuid import uuid4

from . import _compat
from .errors import ConfigurationError, TaskInputError

if TYPE_CHECKING:
    Upload: TypeAlias = BinaryIO
else:
    Upload = _compat.Upload
"""The type of a parameter that is an uploaded file: Strawberry's own, and for type checkers what the function gets, an open binary file."""

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
        directory: Made when first needed, readable by its owner alone. Workers read what they find there, so let nobody
            write to it whom you do not trust. By default one in the system's temporary directory, where anybody may make
            one: it is used only if it is this user's, and closed to all others.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self._is_default = directory is None
        self._directory = Path(directory or Path(tempfile.gettempdir(), f"strawberry-tasks-uploads-{os.geteuid()}"))

    def save(self, upload: object) -> str:
        """Copy the upload into the directory.

        Raises:
            ConfigurationError: If somebody else has a hand in the default directory.
            OSError: If it cannot be kept; nothing is left of it.
        """
        name, stream, key = upload_name(upload), upload_stream(upload), uuid4().hex
        self._make()
        with self._held() as directory:
            os.mkdir(key, mode=0o700, dir_fd=directory)
            try:
                with _folder(key, directory) as folder, open(name, "xb", opener=_opener(folder)) as kept:
                    shutil.copyfileobj(stream, kept, CHUNK)
            except BaseException:
                shutil.rmtree(key, ignore_errors=True, dir_fd=directory)
                raise
        return key

    def open(self, key: str) -> BinaryIO:
        """Open the copy.

        Raises:
            ConfigurationError: If somebody else has a hand in the default directory.
            OSError: If it cannot be opened, or is not there any more.
        """
        with self._held() as directory, _folder(_checked(key), directory) as folder:
            (name,) = os.listdir(folder)  # noqa: PTH208 - of what is open, not of what has its name
            return open(self._directory / key / name, "rb", opener=_opener(folder))

    def delete(self, key: str) -> None:
        """Remove the copy.

        Raises:
            ConfigurationError: If somebody else has a hand in the default directory.
            OSError: If it cannot be removed.
        """
        with contextlib.suppress(FileNotFoundError), self._held() as directory, _folder(_checked(key), directory):
            shutil.rmtree(key, dir_fd=directory)

    def _make(self) -> None:
        if not self._is_default:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            return
        with contextlib.suppress(FileExistsError):
            self._directory.mkdir(mode=0o700)

    @contextlib.contextmanager
    def _held(self) -> Iterator[int]:
        """Hold the directory open: whoever puts another one in its place changes nothing."""
        try:
            held = os.open(self._directory, _FOLDER if self._is_default else os.O_DIRECTORY)
        except OSError as error:
            if self._is_default and error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EACCES}:
                raise self._foreign() from error
            raise
        try:
            if self._is_default and not _is_private(os.fstat(held)):
                raise self._foreign()
            yield held
        finally:
            os.close(held)

    def _foreign(self) -> ConfigurationError:
        return ConfigurationError(
            f"uploads: expected {self._directory} to be a directory of this user's alone (mode 0700), and no link. Somebody else may "
            "have made it; remove it, or name another one: Tasks(uploads=DirectoryUploads(…))."
        )


_FOLDER: Final = os.O_DIRECTORY | os.O_NOFOLLOW


@contextlib.contextmanager
def _folder(name: str, directory: int) -> Iterator[int]:
    """Open a folder of a directory, but not what a link of that name leads to."""
    folder = os.open(name, _FOLDER, dir_fd=directory)
    try:
        yield folder
    finally:
        os.close(folder)


def _opener(folder: int) -> Callable[[str, int], int]:
    """Return what opens a file of a folder, whatever path it is called by."""
    return lambda path, flags: os.open(Path(path).name, flags | os.O_NOFOLLOW, mode=0o600, dir_fd=folder)


def _is_private(directory: os.stat_result) -> bool:
    return directory.st_uid == os.geteuid() and not directory.st_mode & 0o077


def _checked(key: str) -> str:
    if not key.isalnum():
        raise ValueError(f"expected the key of an upload, got {key!r}.")
    return key


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
