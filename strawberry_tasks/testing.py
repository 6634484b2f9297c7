"""What you test your tasks with, without a server and without a worker."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO

from strawberry.schema.base import BaseSchema

from .app import Tasks
from .backends.sync import SyncBackend
from .errors import StrawberryTasksError
from .lifecycle import Work
from .snapshot import Snapshot
from .stores.base import NewRun, Store
from .stores.memory import MemoryStore
from .task import Task
from .uploads import Uploads


@contextmanager
def inline(tasks: Tasks) -> Iterator[None]:
    """Perform each run before `enqueue` returns, over an empty store.

    Delays and the waits between attempts are skipped. What the tasks use otherwise is back afterwards.
    """
    store = MemoryStore(result_ttl=tasks.config.result_ttl)
    runtime = tasks.runtime_over(store, SyncBackend(tasks.perform))
    with tasks.replaced(runtime):
        try:
            yield
        finally:
            runtime.close()


@contextmanager
def recorded(tasks: Tasks) -> Iterator[Recorder]:
    """Perform nothing: remember what is enqueued, over an empty store.

    What the tasks use otherwise is back afterwards.
    """
    recorder = Recorder(tasks)
    runtime = tasks.runtime_over(_RecordingStore(recorder, tasks.config.result_ttl), _RecordingBackend())
    with tasks.replaced(runtime):
        try:
            yield recorder
        finally:
            recorder.drop_uploads()
            runtime.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnqueuedRun:
    """A run that was enqueued while it was recorded."""

    id: str
    """The run's id."""

    task: Task[..., Any]
    """Its task."""

    arguments: Mapping[str, Any]
    """The arguments by name, as the function would get them; uploads as copies in memory."""

    queue: str
    """The queue that its message went to."""

    delay: timedelta | None
    """How long after the enqueue it might start."""

    owner: str | None
    """Whose run it is."""


class Recorder:
    """Knows what was enqueued, in order.

    Attributes:
        runs: The runs.
    """

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self.runs: list[EnqueuedRun] = []
        self._stored: list[tuple[Task[..., Any], str]] = []

    def of(self, task: Task[..., Any]) -> list[EnqueuedRun]:
        """Return the runs of one task."""
        return [run for run in self.runs if run.task.name == task.name]

    def assert_enqueued(self, task: Task[..., Any], /, **arguments: object) -> EnqueuedRun:
        """Return the one run of the task that has these arguments; others that it has do not matter.

        Raises:
            AssertionError: If there is none, or more than one; says what was enqueued.
        """
        matching = [run for run in self.of(task) if arguments.items() <= run.arguments.items()]
        if len(matching) != 1:
            raise AssertionError(
                f"expected one run of {task.name} with {arguments}, got {len(matching)}. Enqueued was: {self._summary()}."
            )
        return matching[0]

    def assert_nothing_enqueued(self) -> None:
        """Check that there is no run.

        Raises:
            AssertionError: If there is one; says what was enqueued.
        """
        if self.runs:
            raise AssertionError(f"expected nothing to be enqueued. Enqueued was: {self._summary()}.")

    def perform(self, run: EnqueuedRun) -> Snapshot:
        """Perform a recorded run now, with all its attempts, and return how it ended."""
        SyncBackend(self._tasks.perform).send(run.task, run.id, queue=run.queue, delay=None)
        return self._tasks.handle(run.id).refresh()

    def record(self, run: NewRun) -> None:
        """Remember a run."""
        task = self._tasks.find(run.name)
        self._stored.append((task, run.arguments))
        self.runs.append(
            EnqueuedRun(
                id=run.id,
                task=task,
                arguments=task.declaration.load_arguments(run.arguments, _Copies(self._tasks.uploads)),
                queue=run.queue,
                delay=run.delay,
                owner=run.owner,
            )
        )

    def drop_uploads(self) -> None:
        """Delete the uploads of what was never performed."""
        for task, arguments in self._stored:
            task.release(arguments)

    def _summary(self) -> str:
        return ", ".join(f"{run.task.name}({dict(run.arguments)})" for run in self.runs) or "nothing"


async def subscribe(
    schema: BaseSchema,
    document: str,
    variables: Mapping[str, Any] | None = None,
    context: object = None,
) -> AsyncGenerator[dict[str, Any], None]:
    """Iterate over the data of a subscription's events, without a web server.

    Args:
        schema: The schema with the tasks.
        document: The subscription, in GraphQL.
        variables: Its variables.
        context: What resolvers find as ``info.context``.

    Raises:
        SubscriptionError: If the subscription is refused, or an event carries errors.
    """
    events = await schema.subscribe(document, variable_values=dict(variables or {}), context_value=context)
    if not isinstance(events, AsyncGenerator):  # Older versions of Strawberry return a refusal instead of yielding it.
        raise SubscriptionError(events.errors or [])
    async with aclosing(events):
        async for event in events:
            if event.errors:
                raise SubscriptionError(event.errors)
            yield event.data or {}


class SubscriptionError(StrawberryTasksError):
    """A subscription that gave errors.

    Attributes:
        errors: The GraphQL errors.
        codes: Their ``extensions.code``, where they have one.
    """

    def __init__(self, errors: Sequence[Any]) -> None:
        self.errors = list(errors)
        self.codes = [code for error in self.errors if (code := (error.extensions or {}).get("code"))]
        super().__init__("; ".join(error.message for error in self.errors))


class _Copies:
    """Opens uploads as copies in memory, which nobody has to close."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    def save(self, upload: object) -> str:
        return self._uploads.save(upload)

    def open(self, key: str) -> BinaryIO:
        with self._uploads.open(key) as kept:
            copy = io.BytesIO(kept.read())
            copy.name = kept.name
            return copy


class _RecordingStore(MemoryStore):
    def __init__(self, recorder: Recorder, result_ttl: timedelta) -> None:
        super().__init__(result_ttl=result_ttl)
        self._recorder = recorder

    def create(self, run: NewRun) -> Snapshot:
        snapshot = super().create(run)
        self._recorder.record(run)
        return snapshot


class _RecordingBackend:
    def register(self, work: Work) -> None:
        pass

    def start(self, work: Work, runs: Sequence[NewRun], *, store: Store) -> Sequence[Snapshot]:
        return [store.create(run) for run in runs]

    def is_atomic(self, store: Store) -> bool:
        return False

    def send(self, work: Work, run_id: str, *, queue: str, delay: timedelta | None) -> None:
        pass

    def hurry(self, run_id: str, queue: str) -> None:
        pass

    def close(self) -> None:
        pass
