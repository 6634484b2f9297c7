"""Uploads are open files in the function, and are gone when the run has ended or never started."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import pytest
import strawberry
from strawberry.file_uploads import Upload

from strawberry_tasks import Schema, TaskError, Tasks, TaskStatus
from strawberry_tasks.errors import QueueUnavailableError
from strawberry_tasks.testing import inline, recorded
from strawberry_tasks.uploads import DirectoryUploads
from tests.operations import execute, refuse
from tests.unit.failing import BrokenBackend, away


@strawberry.input
class Import:
    name: str
    files: list[Upload]


class Sent(io.BytesIO):
    """A file as a web framework hands it over."""

    def __init__(self, content: bytes, name: str = "rows.csv") -> None:
        super().__init__(content)
        self.name = name


@pytest.fixture
def tasks(tmp_path: Path) -> Tasks:
    """Tasks that keep uploads in the test's directory."""
    return Tasks("memory://", uploads=DirectoryUploads(tmp_path), max_retries=1)


def test_function_reads_an_open_file(tasks: Tasks, tmp_path: Path) -> None:
    """The function gets an open binary file, which keeps its name; afterwards the file is closed and gone."""
    seen: list[BinaryIO] = []

    @tasks.mutation()
    def count_bytes(file: Upload) -> str:
        seen.append(file)
        return f"{Path(file.name).name} {file.read().decode()}"

    schema = Schema(extensions=[tasks.extension])
    with inline(tasks):
        data = execute(
            schema, "mutation Go($f: Upload!) { countBytes(file: $f) { output error } }", {"f": Sent(b"a;b")}
        )

    assert data == {"countBytes": {"output": "rows.csv a;b", "error": None}}
    assert seen[0].closed
    assert not list(tmp_path.iterdir())


def test_files_inside_an_input(tasks: Tasks, tmp_path: Path) -> None:
    """Files in a list inside an input work likewise, in an async function, too."""

    @tasks.mutation()
    async def import_files(data: Import) -> list[str]:
        return [file.read().decode() for file in data.files]

    schema = Schema(extensions=[tasks.extension])
    with inline(tasks):
        data = execute(
            schema,
            "mutation Go($d: Import!) { importFiles(data: $d) { output error } }",
            {"d": {"name": "n", "files": [Sent(b"1"), Sent(b"2")]}},
        )

    assert data == {"importFiles": {"output": ["1", "2"], "error": None}}
    assert not list(tmp_path.iterdir())


def test_each_attempt_opens_the_file_anew(tasks: Tasks, tmp_path: Path) -> None:
    """A retry reads the file from its beginning; when the last attempt has failed, the file is gone."""
    contents = []

    @tasks.mutation()
    def fail(file: Upload) -> None:
        contents.append((file.read(), len(list(tmp_path.iterdir()))))
        raise TaskError("no")

    schema = Schema(extensions=[tasks.extension])
    with inline(tasks):
        data = execute(schema, "mutation Go($f: Upload!) { fail(file: $f) { status } }", {"f": Sent(b"x")})

    assert data == {"fail": {"status": "FAILED"}}
    assert contents == [(b"x", 1), (b"x", 1)]
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_a_failed_enqueue(tasks: Tasks, tmp_path: Path) -> None:
    """If the queue is away, the file goes with the record."""

    @tasks.mutation()
    def start(file: Upload) -> None: ...

    schema = Schema(extensions=[tasks.extension])
    with away(tasks, BrokenBackend(QueueUnavailableError())) as store:
        _, code = refuse(schema, "mutation Go($f: Upload!) { start(file: $f) { id } }", {"f": Sent(b"x")})

        assert code == "QUEUE_UNAVAILABLE"
        assert store.list(owner=None, first=10).runs == []
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_refused_arguments(tasks: Tasks, tmp_path: Path) -> None:
    """If another argument does not fit, the file is not kept."""

    @tasks.mutation()
    def start(file: Upload, count: int) -> None: ...

    with recorded(tasks) as recorder, pytest.raises(Exception, match="count"):
        start.enqueue(file=Sent(b"x"), count="many")  # type: ignore[arg-type]

    recorder.assert_nothing_enqueued()
    assert not list(tmp_path.iterdir())


def test_recorded_upload_can_be_performed(tasks: Tasks) -> None:
    """What was recorded with a file can be performed later, and leaves no file open."""

    @tasks.mutation()
    def read(file: Upload) -> str:
        return str(file.read().decode())

    with recorded(tasks) as recorder:
        read.enqueue(file=Sent(b"x"))
        (run,) = recorder.runs
        snapshot = recorder.perform(run)
        result = tasks.handle(run.id).result()

    assert run.arguments["file"].read() == b"x"
    assert snapshot.status is TaskStatus.COMPLETED
    assert result == "x"


def test_recording_keeps_no_files(tasks: Tasks, tmp_path: Path) -> None:
    """The files of what was recorded and never performed are gone afterwards."""

    @tasks.mutation()
    def read(file: Upload) -> None: ...

    with recorded(tasks):
        read.enqueue(file=Sent(b"x"))
        kept = list(tmp_path.iterdir())

    assert len(kept) == 1
    assert not list(tmp_path.iterdir())


def test_optional_upload(tasks: Tasks) -> None:
    """An upload may be left out."""

    @tasks.mutation()
    def start(file: Upload | None = None) -> bool:
        return file is None

    with inline(tasks):
        assert execute(Schema(extensions=[tasks.extension]), "mutation { start { output } }") == {
            "start": {"output": True}
        }
