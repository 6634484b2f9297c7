"""One attempt of a run, from claimed to its outcome; knows no queue."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from dramatiq.middleware import Interrupt

from .config import TaskOptions
from .context import TaskContext
from .deadline import DeadlineExceeded, await_within, call_within
from .errors import StoreUnavailableError, TaskError, ValueEncodingError
from .progress import ProgressFlusher, encodable
from .snapshot import JSON, Failure, Snapshot
from .status import TaskStatus
from .stores.base import Change, Claim, Store

logger = logging.getLogger(__name__)

SETTLE_PATIENCE = timedelta(seconds=60)
"""How long an attempt that has ended tries to write its outcome to a store that is away."""

_ESCAPES = (SystemExit, asyncio.CancelledError, concurrent.futures.CancelledError, Interrupt)
"""What may end a function past ``except Exception`` without meaning the worker; Dramatiq's own interrupts are among them."""

RunCoroutine = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine on the process's event loop, and waits for its result."""


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

    error: BaseException | None = None
    """What no one foresaw and the run failed of for good, for the queue's own error reporting; no `TaskError`."""


class _Outcome(NamedTuple):
    """How an attempt ended: the change to the run, and what follows for its message."""

    values: dict[str, Any]
    verdict: Verdict = Verdict()


def perform(
    work: Work,
    run_id: str,
    *,
    store: Store,
    flusher: ProgressFlusher,
    run_coroutine: RunCoroutine,
) -> Verdict:
    """Claim the next attempt of a run, execute it, and write its outcome.

    Raises:
        StoreUnavailableError: If the store was away before the attempt, or for `SETTLE_PATIENCE` after it. The message has
            to be delivered again.
    """
    claim = store.claim(run_id)
    if claim is None:
        logger.info("Skipped a message of run %s (%s): it has ended or expired.", run_id, work.name)
        return Verdict()
    run = claim.snapshot
    reporter = flusher.open(run.id, run.attempt)
    outcome = _execute(work, claim, TaskContext(run, reporter), run_coroutine)
    change = Change(
        run_id=run.id,
        attempt=run.attempt,
        values={**reporter.values(), **outcome.values},
        delay=outcome.verdict.retry_in,
    )
    if _settle(store, change) is None:
        logger.warning("The outcome of attempt %d of run %s came too late: it was superseded.", run.attempt, run.id)
        return Verdict()
    if outcome.verdict.retry_in is None:
        _release(work, claim)
    return outcome.verdict


def _execute(work: Work, claim: Claim, context: TaskContext, run_coroutine: RunCoroutine) -> _Outcome:
    try:
        call = work.bind(claim.arguments, context)
    except TaskError as error:
        return _failed(work, claim.snapshot, error, Failure(code=error.code, message=error.message), final=True)
    except Exception as error:  # noqa: BLE001 - the worker's boundary
        failure = Failure(code="REJECTED", message="The task cannot take the arguments that it was started with.")
        return _failed(work, claim.snapshot, error, failure, final=True)
    limit = work.options.timeout
    try:
        value = run_coroutine(await_within(limit, _contained(call()))) if work.is_async else call_within(limit, call)
        return _Outcome(values={"status": TaskStatus.COMPLETED, "result": work.dump_result(value)})
    except TaskError as error:
        failure = Failure(code=error.code, message=error.message)
        return _failed(work, claim.snapshot, error, failure, final=not error.retry, retry_in=error.retry_after)
    except ValueEncodingError as error:
        return _failed(work, claim.snapshot, error, Failure(code="TASK_ERROR", message=str(error)), final=True)
    except DeadlineExceeded as error:
        seconds = limit.total_seconds() if limit else 0
        message = f"The task took longer than its limit of {seconds:g} seconds."
        return _failed(work, claim.snapshot, error, Failure(code="TIMED_OUT", message=message))
    except (Exception, *_ESCAPES) as error:  # noqa: BLE001 - the worker's boundary
        failure = Failure(code="TASK_ERROR", message="The task failed with an unexpected error.")
        return _failed(work, claim.snapshot, error, failure)


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
    if final or run.attempt > run.max_retries:
        logger.warning("Run %s (%s) failed: %s", run.id, run.name, failure.message)
        unforeseen = None if isinstance(error, TaskError) else error
        return _Outcome(values={"status": TaskStatus.FAILED, "failure": detailed}, verdict=Verdict(error=unforeseen))
    delay = work.options.backoff(run.attempt) if retry_in is None else retry_in
    logger.warning(
        "Attempt %d of run %s (%s) failed; the next one is in %s.", run.attempt, run.id, run.name, delay, exc_info=error
    )
    return _Outcome(values={"status": TaskStatus.RETRYING, "failure": detailed}, verdict=Verdict(retry_in=delay))


def _settle(store: Store, change: Change) -> object | None:
    give_up = time.monotonic() + SETTLE_PATIENCE.total_seconds()
    pause = 0.05
    while True:
        try:
            return store.apply([change])[0]
        except StoreUnavailableError as error:
            if time.monotonic() + pause > give_up:
                raise
            logger.warning("The outcome of run %s waits for the store: %s", change.run_id, error)
        time.sleep(pause)
        pause = min(pause * 2, 2.0)


def _release(work: Work, claim: Claim) -> None:
    try:
        work.release(claim.arguments)
    except Exception:
        logger.exception("Run %s has ended, but its uploads could not be removed.", claim.snapshot.id)
