"""One attempt of a run, from claimed to its outcome; knows no queue."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import uuid4

from dramatiq.middleware import Interrupt

from .config import TaskOptions
from .context import TaskContext
from .deadline import DeadlineExceeded, await_within, call_within
from .errors import StoreUnavailableError, TaskCanceled, TaskError, ValueEncodingError
from .keeper import Keeper
from .progress import ProgressFlusher, ProgressReporter, encodable
from .snapshot import JSON, Failure, Snapshot
from .status import TaskStatus
from .stop import AttemptLost, StopSignal, await_unless_stopped
from .stores.base import Busy, Change, Claim, Store

logger = logging.getLogger(__name__)

R = TypeVar("R")

SETTLE_PATIENCE = timedelta(seconds=60)
"""How long an attempt that has ended tries to write its outcome to a store that is away."""

CLAIM_PATIENCE = timedelta(seconds=5)
"""How long an attempt tries to begin when the store is away."""

_ESCAPES = (SystemExit, asyncio.CancelledError, concurrent.futures.CancelledError, Interrupt)
"""What may end a function past ``except Exception`` without meaning the worker; Dramatiq's own interrupts are among them."""

RunCoroutine = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine on the process's event loop, and waits for its result."""


Settle = Callable[[Store, Change], int | None]
"""Writes how an attempt ended, as one change; answers as `Store.apply` does for it."""


class Work(Protocol):
    """What the lifecycle needs to know of a task."""

    @property
    def name(self) -> str:
        """The task's name."""

    @property
    def is_async(self) -> bool:
        """Whether calling it gives a coroutine."""

    @property
    def options(self) -> TaskOptions:
        """Retries and limits."""

    def bind(self, arguments: str, context: TaskContext) -> Callable[[], Any]:
        """Decode the arguments, and return the call that remains."""

    def dump_result(self, value: Any) -> JSON:
        """Encode what the function returned.

        Raises:
            ValueEncodingError: If it does not fit the declared type.
        """

    def release(self, arguments: str) -> None:
        """Drop what was kept for the run outside the store, such as uploaded files."""


class Verdict(NamedTuple):
    """What the queue has to do with the message of an attempt that ended."""

    retry_in: timedelta | None = None
    """Deliver it again after this; ``None``: it is done with."""

    is_busy: bool = False
    """Whether the message found another attempt at work, or its own superseded."""

    error: BaseException | None = None
    """What no one foresaw and the run failed of for good, for the queue's own error reporting; no `TaskError`."""


class _Outcome(NamedTuple):
    """How an attempt ended: the change to the run, and what follows for its message."""

    values: dict[str, Any]
    verdict: Verdict = Verdict()


_CANCELED = _Outcome(values={"status": TaskStatus.CANCELED, "cancel_requested": True})


def perform(
    work: Work,
    run_id: str,
    *,
    store: Store,
    flusher: ProgressFlusher,
    keeper: Keeper,
    run_coroutine: RunCoroutine,
    settle: Settle | None = None,
) -> Verdict:
    """Claim the next attempt of a run, execute it, and write its outcome.

    Args:
        work: The task.
        run_id: The run.
        store: Where the run is.
        flusher: Writes its progress.
        keeper: Keeps the attempt leased.
        run_coroutine: Runs async tasks.
        settle: Writes the outcome, by default with `Store.apply`.

    Raises:
        StoreUnavailableError: If the store was away before the attempt, or for `SETTLE_PATIENCE` after it. The message has
            to be delivered again.
    """
    claim = _claim(store, run_id)
    if claim is None:
        logger.info("Skipped a message of run %s (%s): it has ended or expired.", run_id, work.name)
        return Verdict()
    if isinstance(claim, Busy):
        logger.info("Put a message of run %s (%s) off: another attempt of it is leased.", run_id, work.name)
        return Verdict(retry_in=claim.retry_in, is_busy=True)
    if claim.snapshot.is_terminal:
        logger.warning("Run %s (%s) ended with its last attempt: %s", run_id, work.name, claim.snapshot.error)
        _release(work, claim)
        return Verdict()
    run, stop = claim.snapshot, StopSignal()
    with keeper.holding(run, stop):
        reporter = flusher.open(run.id, run.attempt)
        outcome = _execute(work, claim, TaskContext(run, reporter, stop), stop, run_coroutine)
        return _conclude(work, claim, outcome, reporter, store=store, settle=settle or _apply)


def _claim(store: Store, run_id: str) -> Claim | Busy | None:
    # With the token, a claim whose answer got lost is asked for again, and not lost with its lease.
    token = uuid4().hex
    return _patiently(lambda: store.claim(run_id, token=token), CLAIM_PATIENCE, f"The claim of run {run_id}")


def _conclude(
    work: Work, claim: Claim, outcome: _Outcome | None, reporter: ProgressReporter, *, store: Store, settle: Settle
) -> Verdict:
    """Write how an attempt ended, and tell what follows for its message."""
    run = claim.snapshot
    if outcome is not None and _settle(store, run, outcome, reporter, settle) is None:
        # A retry is refused when somebody asked for the run to stop; it is canceled instead.
        outcome = _CANCELED if _is_to_be_canceled(_read(store, run.id), run.attempt) else None
        if outcome is not None and _settle(store, run, outcome, reporter, settle) is None:
            outcome = None
    if outcome is None:
        logger.warning("The outcome of attempt %d of run %s came too late: it was superseded.", run.attempt, run.id)
        present = _read(store, run.id)
        # Nobody else may have a message of it. If somebody has, this one finds the run busy or ended.
        return Verdict() if present is None or present.is_terminal else Verdict(retry_in=timedelta(0), is_busy=True)
    if outcome.verdict.retry_in is None:
        _release(work, claim)
    return outcome.verdict


def _is_to_be_canceled(present: Snapshot | None, attempt: int) -> bool:
    if present is None or present.status is not TaskStatus.RUNNING:
        return False
    return present.attempt == attempt and present.cancel_requested


def _execute(
    work: Work, claim: Claim, context: TaskContext, stop: StopSignal, run_coroutine: RunCoroutine
) -> _Outcome | None:
    """Call the function, and return how it ended; ``None`` if the attempt was lost."""
    try:
        call = work.bind(claim.arguments, context)
    except TaskError as error:
        return _failed(work, claim.snapshot, error, Failure(code=error.code, message=error.message), final=True)
    except Exception as error:  # noqa: BLE001 - the worker's boundary
        failure = Failure(code="REJECTED", message="The task cannot take the arguments that it was started with.")
        return _failed(work, claim.snapshot, error, failure, final=True)
    try:
        value = _call(work, call, stop, run_coroutine)
        return _Outcome(values={"status": TaskStatus.COMPLETED, "result": work.dump_result(value)})
    except AttemptLost:
        return None
    except TaskCanceled:
        return _CANCELED
    except (Exception, DeadlineExceeded, *_ESCAPES) as error:  # noqa: BLE001 - the worker's boundary
        if stop.is_noticed:
            # It met an error on its way out.
            return None if stop.reason is AttemptLost else _CANCELED
        return _judge(work, claim.snapshot, error)


def _call(work: Work, call: Callable[[], Any], stop: StopSignal, run_coroutine: RunCoroutine) -> Any:
    limit = work.options.timeout
    if work.is_async:
        return run_coroutine(await_within(limit, await_unless_stopped(stop, _contained(call()))))
    return call_within(limit, call, stop=stop, grace=work.options.cancel_grace)


def _judge(work: Work, run: Snapshot, error: BaseException) -> _Outcome:
    """Tell what follows from what the function raised."""
    if isinstance(error, TaskError):
        failure = Failure(code=error.code, message=error.message)
        return _failed(work, run, error, failure, final=not error.retry, retry_in=error.retry_after)
    if isinstance(error, ValueEncodingError):
        return _failed(work, run, error, Failure(code="TASK_ERROR", message=str(error)), final=True)
    if isinstance(error, DeadlineExceeded):
        limit = work.options.timeout
        seconds = limit.total_seconds() if limit else 0
        message = f"The task took longer than its limit of {seconds:g} seconds."
        return _failed(work, run, error, Failure(code="TIMED_OUT", message=message))
    failure = Failure(code="TASK_ERROR", message="The task failed with an unexpected error.")
    return _failed(work, run, error, failure)


async def _contained(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except SystemExit as error:
        # It would end the event loop, and with it every other async attempt of this process.
        raise RuntimeError(f"The task called sys.exit({error.code!r}).") from error


def _failed(
    work: Work,
    run: Snapshot,
    error: BaseException,
    failure: Failure,
    *,
    final: bool = False,
    retry_in: timedelta | None = None,
) -> _Outcome:
    detailed = Failure(
        code=failure.code,
        message=encodable(failure.message),
        exception=type(error).__name__,
        traceback=encodable("".join(traceback.format_exception(error))),
    )
    if final or not run.has_retry:
        logger.warning("Run %s (%s) failed: %s", run.id, run.name, failure.message)
        unforeseen = None if isinstance(error, TaskError) else error
        return _Outcome(values={"status": TaskStatus.FAILED, "failure": detailed}, verdict=Verdict(error=unforeseen))
    delay = work.options.backoff(run.attempt) if retry_in is None else retry_in
    logger.warning(
        "Attempt %d of run %s (%s) failed; the next one is in %s.", run.attempt, run.id, run.name, delay, exc_info=error
    )
    return _Outcome(values={"status": TaskStatus.RETRYING, "failure": detailed}, verdict=Verdict(retry_in=delay))


def fail(run_id: str, failure: Failure, *, store: Store) -> None:
    """End a run as FAILED of which no attempt will follow; one that has ended, or is gone, stays as it is.

    Raises:
        StoreUnavailableError: If the store is away, or an attempt may be running; try again later.
    """
    claim = store.claim(run_id)
    if claim is None:
        return
    if not isinstance(claim, Claim):
        raise StoreUnavailableError(f"Run {run_id} is in the hands of a worker.")
    values = {"status": TaskStatus.FAILED, "failure": failure}
    store.apply([Change(run_id=run_id, attempt=claim.snapshot.attempt, values=values)])


def _apply(store: Store, change: Change) -> int | None:
    return store.apply([change])[0]


def _settle(store: Store, run: Snapshot, outcome: _Outcome, reporter: ProgressReporter, settle: Settle) -> int | None:
    change = Change(
        run_id=run.id,
        attempt=run.attempt,
        values={**reporter.values(), **outcome.values},
        delay=outcome.verdict.retry_in,
    )
    return _patiently(lambda: settle(store, change), SETTLE_PATIENCE, f"The outcome of run {run.id}")


def _read(store: Store, run_id: str) -> Snapshot | None:
    return _patiently(lambda: store.read([run_id])[0], SETTLE_PATIENCE, f"The state of run {run_id}")


def _patiently(call: Callable[[], R], patience: timedelta, what: str) -> R:
    give_up = time.monotonic() + patience.total_seconds()
    pause = 0.05
    while True:
        try:
            return call()
        except StoreUnavailableError as error:
            if time.monotonic() + pause > give_up:
                raise
            logger.warning("%s waits for the store: %s", what, error)
        time.sleep(pause)
        pause = min(pause * 2, 2.0)


def _release(work: Work, claim: Claim) -> None:
    try:
        work.release(claim.arguments)
    except Exception:
        logger.exception("Run %s has ended, but its uploads could not be removed.", claim.snapshot.id)
