"""A declared task, and how a run of it is started."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, Self, TypeVar
from uuid import uuid4

from .config import TaskOptions, check_priority, check_queue
from .context import TaskContext
from .declaration import Declaration
from .environment import Environment
from .errors import QueueUnavailableError, StoreUnavailableError, TaskError, TaskInputError, TaskNotRetryableError
from .handle import Handle
from .policy import NOBODY, Viewer
from .run_options import call_of, check_size, expiry_of, patience_of, wait_of, word_of, words_of
from .runtime import Runtime
from .snapshot import JSON, Encoded, Snapshot, encoded
from .starter import astarter, starter
from .stores.base import Fire, Limit, NewRun, Record

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


class Task(Generic[P, R]):
    """A declared task. `Tasks.mutation` and `Tasks.task` make it.

    Attributes:
        declaration: The function, its parameters and its result.
        options: Queue, retries and limits.
    """

    def __init__(self, declaration: Declaration, options: TaskOptions, environment: Environment) -> None:
        self.declaration = declaration
        self.options = options
        self._environment = environment
        self._handle_type = cache(partial(environment.handle_type, declaration))
        self._viewer: Viewer | None = None
        self._delay: timedelta | None = None
        self._expires: timedelta | datetime | None = options.expires
        self._key: str | None = None
        self._tags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    if not TYPE_CHECKING:  # Type checkers say by themselves that a task is not called.

        def __call__(self, *_args: object, **_kwargs: object) -> NoReturn:
            """Refuse to be called: whether that is to start a run has to be said."""
            raise TypeError(
                f"task {self.name!r}: expected enqueue(…), or await aenqueue(…), to start a run, or function(…) to call the "
                "function itself; got a call of the task."
            )

    @property
    def name(self) -> str:
        """The task's name, e.g. ``syncInventory``."""
        return self.declaration.name

    @property
    def is_async(self) -> bool:
        """Whether its function is a coroutine function."""
        return self.declaration.is_async

    @property
    def function(self) -> Callable[..., Any]:
        """The function itself, for a direct call."""
        return self.declaration.function

    @property
    def handle_type(self) -> type[object]:
        """The GraphQL type of its handles, e.g. ``SyncInventoryTaskHandle``; pass it as ``graphql_type``."""
        return self._handle_type()

    def is_of(self, runtime: Callable[[], Runtime]) -> bool:
        """Tell whether it belongs to the `Tasks` whose runtime this is."""
        return self._environment.runtime == runtime

    def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """Start a run.

        Raises:
            TaskInputError: If the arguments do not fit. Nothing was started.
            QueueUnavailableError: If the queue cannot be reached. Nothing was started, unless its ``unsettled`` says otherwise.
        """
        return self.handle(self.start(args, kwargs))

    async def aenqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """`enqueue` for async code."""
        return self.handle(await self.astart(args, kwargs))

    def enqueue_many(self, calls: Iterable[Mapping[str, Any] | tuple[Any, ...]]) -> list[Handle[R]]:
        """Start a run for each set of arguments, in one round trip for some hundred of them where the queue is in Redis.

        Args:
            calls: The arguments of each: by name, or in order.

        Raises:
            TaskInputError: If any arguments do not fit. Nothing was started.
            QueueUnavailableError: If the queue cannot be reached. Nothing is left behind that no worker has begun.
        """
        return [self.handle(run) for run in self.start_many(map(call_of, calls))]

    async def aenqueue_many(self, calls: Iterable[Mapping[str, Any] | tuple[Any, ...]]) -> list[Handle[R]]:
        """`enqueue_many` for async code."""
        task = await self._begun()
        return await self._environment.runtime().off_loop(task.enqueue_many, calls)

    def delay(self, /, *args: Any, countdown: float | None = None, **kwargs: Any) -> Coroutine[Any, Any, Handle[R]]:
        """Start a run as some other frameworks spell it; `aenqueue` and `using` are typed.

        Args:
            *args: The task's arguments.
            countdown: Seconds from now until the run may start; of a task that has a parameter of this name, its argument.
            **kwargs: The task's arguments.
        """
        if countdown is not None and "countdown" in self.declaration.parameters:
            kwargs["countdown"], countdown = countdown, None
        task = self if countdown is None else self.using(delay=timedelta(seconds=countdown))
        return task.aenqueue(*args, **kwargs)

    def using(
        self,
        *,
        delay: timedelta | None = None,
        eta: datetime | None = None,
        queue: str | None = None,
        viewer: Viewer | None = None,
        priority: int | None = None,
        key: str | None = None,
        expires: timedelta | datetime | None = None,
        tags: Iterable[str] | None = None,
    ) -> Self:
        """Return this task with other options for the runs that are started through it.

        Args:
            delay: How long from now until the run may start.
            eta: When the run may start; aware of its timezone.
            queue: Another queue, of some task or of ``Tasks(queues=…)``.
            viewer: Whose run it is; by default that of the viewer in the course of whose operation it is enqueued, else nobody's.
            priority: How urgent it is in its queue, -1000 to 1000; the higher, the sooner.
            key: While a run of this task with this key is live, `enqueue` starts no other, and returns its handle; whoever owns
                it. At most 200 characters.
            expires: How long the run may wait once it is due, or until when; one that has not started by then is FAILED with
                ``EXPIRED``.
            tags: Words to find it by; at most 20 of at most 200 characters.

        Raises:
            TaskInputError: If the delay is negative, ``eta`` or ``expires`` has no timezone, both ``delay`` and ``eta`` are given,
                or a key or tag is too long.
            ConfigurationError: If ``queue`` cannot name a queue, or ``priority`` is out of its bounds.
        """
        task = copy.copy(self)  # With the same handle type.
        if delay is not None or eta is not None:
            task._delay = wait_of(delay, eta)
        if queue is not None:
            check_queue("queue", queue)
            task.options = replace(task.options, queue=queue)
        if viewer is not None:
            task._viewer = viewer
        if priority is not None:
            check_priority("priority", priority)
            task.options = replace(task.options, priority=priority)
        if key is not None:
            task._key = word_of("key", key)
        if expires is not None:
            task._expires = expiry_of(expires)
        if tags is not None:
            task._tags = words_of("tags", tags)
        return task

    def start(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Snapshot:
        """Record a run and send its message; the record exists before the message.

        Raises:
            TaskInputError: If the arguments do not fit.
            QueueUnavailableError: If the queue or the store cannot be reached; nothing is left behind that no worker has begun.
        """
        (run,) = self.start_many([(args, kwargs)])
        return run

    def start_many(self, calls: Iterable[tuple[tuple[Any, ...], Mapping[str, Any]]]) -> Sequence[Snapshot]:
        """`start` for the arguments of several calls."""
        self.declaration.finish()
        queues = self._environment.queues()
        if self.options.queue not in queues:
            known = ", ".join(sorted(queues))
            raise TaskInputError(f"task {self.name!r}: expected a queue out of {known}, got {self.options.queue!r}.")
        viewer = starter(self._environment.policy) if self._viewer is None else self._viewer
        runs: list[NewRun] = []
        try:
            for args, kwargs in calls:
                limit = self._limit(args, kwargs)
                arguments = self.declaration.dump_arguments(args, kwargs, self._environment.uploads)
                runs.append(self._new_run(arguments, limit, viewer))
                check_size(self.name, arguments, self._environment.max_payload)
        except BaseException:
            for run in runs:
                self._drop(run)
            raise
        return self._environment.runtime().dispatch(self, runs)

    async def astart(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Snapshot:
        """`start` for async code."""
        task = await self._begun()
        try:
            return await self._environment.runtime().off_loop(task.start, args, kwargs)
        except StoreUnavailableError as error:
            raise QueueUnavailableError from error

    def fire(self, fire: Fire, run_id: str, arguments: Mapping[str, JSON], *, alone: bool = False) -> Snapshot:
        """Start the run of a schedule's fire; the one that was started for it before comes back as it is.

        Args:
            fire: The fire.
            run_id: The run's id, the same whoever starts it.
            arguments: The arguments, as JSON.
            alone: Whether to wait for the end of the runs of earlier fires.

        Raises:
            AlreadyFiredError: If it was started before, and is gone.
            TaskInputError: If the arguments do not fit.
            QueueUnavailableError: If the queue or the store cannot be reached; it may have been started.
        """
        given = json.dumps(dict(arguments))
        limit = self._limit((), self.check_arguments(arguments))
        if alone:
            limit = Limit(f"schedule:{fire.schedule}", 1)
        runtime = self._environment.runtime()
        run = replace(self._new_run(given, limit, self._viewer or NOBODY), id=run_id, fire=fire)
        (started,) = self.send([run], undo=False)
        if runtime.log is not None and started.id == run_id:
            runtime.log.note([run])
            runtime.changed(run_id)
        return started

    def restart(self, record: Record) -> Snapshot:
        """Start a run with the arguments of another one, for the same owner.

        Raises:
            TaskNotRetryableError: If its uploaded files are gone.
            QueueUnavailableError: If the queue or the store cannot be reached; nothing is left behind.
        """
        before = record.snapshot
        if self.declaration.uploads(record.arguments):
            raise TaskNotRetryableError("The files that were uploaded for this task are gone. Upload them again.")
        run = NewRun(
            id=str(uuid4()),
            name=before.name,
            queue=before.queue,
            arguments=record.arguments,
            max_retries=before.max_retries,
            owner=before.owner,
            claims=before.claims,
            retry_of=before.id,
            expires=self.options.expires,
            key=before.key,
            tags=before.tags,
            priority=before.priority,
            limit=None if self.options.concurrency is None else self._limit((), self.load_arguments(record.arguments)),
        )
        (started,) = self._environment.runtime().dispatch(self, [run])
        return started

    def send(self, runs: Sequence[NewRun], *, undo: bool = True) -> Sequence[Snapshot]:
        """Record runs and send their messages; one that was sent before stays as it is.

        Args:
            runs: The runs.
            undo: Whether a failure takes them back, and drops their uploads.

        Raises:
            QueueUnavailableError: If the queue or the store cannot be reached.
        """
        started = self._send(runs, undo=undo)
        for run, present in zip(runs, started, strict=True):
            if run.id != present.id:  # There is a run of its key.
                self._drop(run)
        return started

    def standing(self, run: NewRun) -> Snapshot | None:
        """Return the run that `send` would return instead of this one, as things are now.

        Raises:
            StoreUnavailableError: If the store does not answer.
        """
        return self._environment.runtime().store.standing(run)

    def _send(self, runs: Sequence[NewRun], *, undo: bool) -> Sequence[Snapshot]:
        runtime = self._environment.runtime()
        start = partial(runtime.backend.start, self, runs, store=runtime.store)
        try:
            return start()
        except QueueUnavailableError as error:
            if not undo:
                raise
            again = start if runtime.backend.is_atomic(runtime.store) else None
            try:
                return runtime.take_back.resolve(runs, again=again, drop=self._drop)
            except QueueUnavailableError as refusal:
                raise refusal from error.__cause__
        except BaseException:
            if undo:
                with contextlib.suppress(QueueUnavailableError):
                    runtime.take_back.resolve(runs, again=None, drop=self._drop)
            raise

    def handle(self, run: Snapshot) -> Handle[R]:
        """Return the handle of a run of this task."""
        return Handle(run, self.load_result, self._environment.runtime)

    def load_arguments(self, arguments: str) -> dict[str, Any]:
        """Decode the stored arguments of a run."""
        return self.declaration.load_arguments(arguments, self._environment.uploads)

    def check_arguments(self, arguments: Mapping[str, JSON]) -> dict[str, Any]:
        """Decode arguments that come from elsewhere, as JSON.

        Raises:
            TaskInputError: If they do not fit; names the parameter.
        """
        return self.declaration.check_arguments(arguments, self._environment.uploads)

    def load_result(self, data: JSON) -> Any:
        """Decode a stored result."""
        return self.declaration.result.load(data)

    def dump_result(self, value: Any) -> Encoded:
        """Encode what the function returned.

        Raises:
            ValueEncodingError: If it does not fit the declared type.
            TaskError: If it is too large to be kept; its code is ``RESULT_TOO_LARGE``.
        """
        text = encoded(self.declaration.result.dump(value))
        size, most = len(text.encode("utf-8", "surrogatepass")), self._environment.max_result
        if size > most:
            raise TaskError(
                f"The result has {size} bytes as JSON, and may have {most} (max_result). Keep it elsewhere, and return where it is.",
                code="RESULT_TOO_LARGE",
                retry=False,
            )
        return text

    def bind(self, arguments: str, context: TaskContext) -> Callable[[], Any]:
        """Decode a run's arguments, and return the call that remains."""
        policy, uploads = self._environment.policy, self._environment.uploads
        return self.declaration.bind(arguments, context, uploads, policy.load_user)

    def release(self, arguments: str) -> None:
        """Delete the files that a run's arguments refer to."""
        self.declaration.drop_uploads(arguments, self._environment.uploads)

    def _drop(self, run: NewRun) -> None:
        try:
            self.release(run.arguments)
        except Exception:
            logger.exception("Run %s was not started, but its uploads could not be removed.", run.id)

    async def _begun(self) -> Self:
        """Return this task for the viewer who starts its runs here."""
        return self if self._viewer is not None else self.using(viewer=await astarter(self._environment.policy))

    def _new_run(self, arguments: str, limit: Limit | None, viewer: Viewer) -> NewRun:
        return NewRun(
            id=str(uuid4()),
            name=self.name,
            queue=self.options.queue,
            arguments=arguments,
            max_retries=self.options.max_retries,
            owner=viewer.id,
            claims=viewer.claims,
            delay=self._delay,
            expires=patience_of(self._expires, self._delay),
            key=self._key,
            tags=self._tags,
            priority=self.options.priority,
            limit=limit,
        )

    def _limit(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Limit | None:
        """Return with which others a run is limited."""
        options = self.options
        if options.concurrency is None or options.concurrency_key is None:
            return None if options.concurrency is None else Limit(self.name, options.concurrency)
        key = str(options.concurrency_key(**self.declaration.call_arguments(args, kwargs)))
        return Limit(f"{self.name}:{word_of('concurrency_key', key)}", options.concurrency)
