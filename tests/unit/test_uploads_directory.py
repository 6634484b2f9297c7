"""The default directory of uploads, which anybody could make first: it is this user's alone, or nothing is read or written."""

from __future__ import annotations

import errno
import io
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from strawberry.file_uploads import Upload

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.errors import ConfigurationError, UploadsUnavailableError
from strawberry_tasks.testing import inline
from strawberry_tasks.uploads import DirectoryUploads

NOBODY = 65534

as_root = pytest.mark.skipif(
    os.geteuid() != 0 and not os.environ.get("CI"), reason="only root can act for another user"
)


@pytest.fixture
def default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the default directory will be; the temporary directory around it is anybody's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o1777)
    return tmp_path / f"strawberry-tasks-uploads-{os.geteuid()}"


def file(content: bytes = b"mine") -> io.BytesIO:
    """Make a file with a name."""
    made = io.BytesIO(content)
    made.name = "a.csv"
    return made


def link(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.mkdir(mode=0o700)
    path.symlink_to(elsewhere)


def dangle(path: Path) -> None:
    path.symlink_to(path.with_name("missing"))


def take_its_name(path: Path) -> None:
    path.write_text("no directory")


def open_it(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def let_groups_look(path: Path) -> None:
    path.mkdir()
    path.chmod(0o750)


def give_it_away(path: Path) -> None:
    path.mkdir(mode=0o700)
    os.chown(path, NOBODY, NOBODY)


PREPARED = [link, dangle, take_its_name, open_it, let_groups_look, pytest.param(give_it_away, marks=as_root)]


@pytest.mark.parametrize("prepare", PREPARED)
def test_what_somebody_else_prepared_is_refused(default: Path, prepare: Callable[[Path], None]) -> None:
    """Nothing is written to it, nothing read from it, nothing removed from it; the error says what to do."""
    prepare(default)
    uploads = DirectoryUploads()
    before = sorted(default.parent.rglob("*"))

    for use in (lambda: uploads.save(file()), lambda: uploads.open("abc"), lambda: uploads.delete("abc")):
        with pytest.raises(ConfigurationError, match=r"expected .* to be a directory of this user's alone .* Tasks"):
            use()

    assert sorted(default.parent.rglob("*")) == before


@as_root
def test_another_user_is_refused(default: Path) -> None:
    """A process that is not the owner, whatever the directory's name, sees nothing of it."""
    key = DirectoryUploads().save(file())
    default.rename(default.with_name(f"strawberry-tasks-uploads-{NOBODY}"))

    def read() -> None:
        with pytest.raises(ConfigurationError, match="this user's alone"):
            DirectoryUploads().open(key)

    assert in_child(read, NOBODY) == 0


@as_root
def test_a_directory_swapped_while_it_is_used_is_refused(default: Path) -> None:
    """Another user cannot bring a worker to read what they put there."""
    uploads = DirectoryUploads()
    key = uploads.save(file())
    default.rename(default.with_name("aside"))
    foreign = default / key
    foreign.mkdir(parents=True)
    (foreign / "a.csv").write_bytes(b"theirs")
    for path in (default, foreign, foreign / "a.csv"):
        os.chown(path, NOBODY, NOBODY)
    default.chmod(0o700)

    with pytest.raises(ConfigurationError, match="this user's alone"):
        uploads.open(key)


def in_child(work: Callable[[], None], user: int) -> int:
    """Do something as another user, in a process of its own, and return its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        work()
    except BaseException:  # noqa: BLE001 - the child must not come back
        os._exit(1)
    os._exit(0)


def test_the_default_is_private(default: Path) -> None:
    """Nobody else can look at uploads, in whatever mood the process makes files."""
    before = os.umask(0)
    try:
        key = DirectoryUploads().save(file())
    finally:
        os.umask(before)

    modes = {path.relative_to(default).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in default.rglob("*")}
    assert stat.S_IMODE(default.stat().st_mode) == 0o700
    assert modes == {key: 0o700, f"{key}/a.csv": 0o600}


def test_processes_of_one_user_share_it(default: Path) -> None:
    """A worker finds what the web server has kept."""
    key = DirectoryUploads().save(file())

    with DirectoryUploads().open(key) as kept:
        assert kept.read() == b"mine"


@pytest.mark.parametrize("part", ["folder", "file"])
def test_links_lead_nowhere(tmp_path: Path, part: str) -> None:
    """Whatever is put in an upload's place, nothing but the upload is read."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a.csv").write_bytes(b"secret")
    uploads = DirectoryUploads(tmp_path / "kept")
    key = uploads.save(file())
    (tmp_path / "kept" / key / "a.csv").unlink()
    if part == "folder":
        (tmp_path / "kept" / key).rmdir()
        (tmp_path / "kept" / key).symlink_to(secret)
    else:
        (tmp_path / "kept" / key / "a.csv").symlink_to(secret / "a.csv")

    with pytest.raises(OSError, match=r"directory|links"):
        uploads.open(key)
    if part == "folder":
        with pytest.raises(OSError, match=r"directory|links"):
            uploads.delete(key)

    assert (secret / "a.csv").read_bytes() == b"secret"


def test_a_directory_of_ones_own_may_be_a_link(tmp_path: Path) -> None:
    """Who names it knows where it leads."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "uploads").symlink_to(tmp_path / "disk")
    uploads = DirectoryUploads(tmp_path / "uploads")

    with uploads.open(uploads.save(file())) as kept:
        assert kept.read() == b"mine"


class FullDisk(io.RawIOBase):
    """Breaks off as a copy does where the disk is full."""

    name = "b.csv"

    def read(self, *_: Any) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device: /srv/secret/place")


def mutation(tasks: Tasks) -> Callable[..., Any]:
    """Declare a mutation that takes two files, and return what executes it."""

    @tasks.mutation()
    def take(first: Upload, second: Upload) -> int:
        return len(first.read() + second.read())  # type: ignore[attr-defined]

    schema = Schema(extensions=[tasks.extension])
    query = "mutation ($a: Upload!, $b: Upload!) { take(first: $a, second: $b) { output } }"
    return lambda first, second: schema.execute_sync(query, {"a": first, "b": second})


def test_a_full_disk_fails_the_mutation_and_leaves_nothing(tmp_path: Path) -> None:
    """The client reads a code and no path; what was kept of the other file is removed."""
    tasks = Tasks("memory://", uploads=DirectoryUploads(tmp_path))
    execute = mutation(tasks)

    with inline(tasks):
        answer = execute(file(), FullDisk())

    (error,) = answer.errors
    assert error.extensions == {"code": "UPLOADS_UNAVAILABLE"}
    assert error.message == "The uploaded file cannot be kept. Nothing was started; try again."
    assert not list(tmp_path.iterdir())


def test_a_real_full_disk(tmp_path: Path) -> None:
    """The error of the system itself comes with the first byte that has no place."""
    limit = pytest.importorskip("resource")

    def save() -> None:
        limit.setrlimit(limit.RLIMIT_FSIZE, (1000, 1000))
        with pytest.raises(OSError, match="File too large"):
            DirectoryUploads(tmp_path).save(file(b"x" * 2000))

    assert in_child(save, os.geteuid()) == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("prepare", [link, open_it])
def test_clients_are_told_nothing_of_the_directory(default: Path, prepare: Callable[[Path], None]) -> None:
    """The path and the reason are for the log."""
    prepare(default)
    tasks = Tasks("memory://")

    with inline(tasks):
        answer = mutation(tasks)(file(), file())

    (error,) = answer.errors
    assert error.extensions == {"code": "UPLOADS_UNAVAILABLE"}
    assert str(default) not in str(answer)
    assert isinstance(error.original_error, UploadsUnavailableError)
    assert isinstance(error.original_error.__cause__, ConfigurationError)


def test_a_directory_that_was_removed_is_made_again(tmp_path: Path) -> None:
    """Somebody tidied up while the process was running."""
    uploads = DirectoryUploads(tmp_path / "own")
    lost = uploads.save(file())
    for path in sorted((tmp_path / "own").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (tmp_path / "own").rmdir()

    uploads.delete(lost)
    with pytest.raises(FileNotFoundError):
        uploads.open(lost)
    with uploads.open(uploads.save(file())) as kept:
        assert kept.read() == b"mine"


def test_a_worker_that_lacks_the_file_says_so(tmp_path: Path) -> None:
    """The run fails with a code, and not for each attempt again."""
    tasks = Tasks("memory://", uploads=Forgetful(tmp_path), max_retries=3)

    @tasks.task()
    def take(upload: Upload) -> int:
        return 0

    with inline(tasks):
        run = take.enqueue(file()).refresh()

    assert run.failure is not None
    assert (run.failure.code, run.failure.message) == ("UPLOADS_UNAVAILABLE", "The uploaded file is not there.")
    assert run.attempt == 1


class Forgetful(DirectoryUploads):
    """Keeps uploads where no worker looks."""

    def save(self, upload: object) -> str:
        key = super().save(upload)
        self.delete(key)
        return key
