"""Decides what follows from how an attempt's function ended; does no I/O."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from .config import TaskOptions
from .deadline import DeadlineExceeded
from .errors import TaskCanceled, TaskError, TaskTimeout, ValueEncodingError
from .escapes import raised, reported
from .progress import encodable
from .snapshot import Encoded, Failure, Snapshot, bounded
from .status import TaskStatus
from .stop import AttemptGivenBack, AttemptLost, StopSignal
from .validation import told_by

logger = logging.getLogger(__name__)

_UNEXPECTED = Failure(code="TASK_ERROR", message="The task failed with an unexpected error.")


class ArgumentsRefused(Exception):  # noqa: N818 - says what happened, and never leaves the lifecycle
    """The arguments of a run could not be decoded; the cause says why."""


class Verdict(NamedTuple):
    """What the queue has to do with the message of an attempt that ended."""

    retry_in: timedelta | None = None
    """Deliver it again after this; ``None``: it is done with."""

    is_busy: bool = False
    """Whether the message found another attempt at work, or its own superseded."""

    error: Exception | None = None
    """What no one foresaw and the run failed of for good, for the queue's own error reporting; no `TaskError`."""


class Outcome(NamedTuple):
    """How an attempt ended: the change to the run, and what follows for its message."""

    values: dict[str, Any]
    verdict: Verdict = Verdict()


CANCELED = Outcome(values={"status": TaskStatus.CANCELED, "cancel_requested": True})


class Judged(Protocol):
    """What is needed of a task."""

    @property
    def options(self) -> TaskOptions:
        """Retries and limits."""

    def dump_result(self, value: Any) -> Encoded:
        """Encode what the function returned.

        Raises:
            ValueEncodingError: If it does not fit the declared type.
            TaskError: If it is too large to be kept.
        """


def outcome_of(work: Judged, run: Snapshot, stop: StopSignal, result: Callable[[], Any]) -> Outcome | None:
    """Tell how an attempt ended; ``None`` if it was lost.

    Args:
        work: The task.
        run: The run, as the attempt has claimed it.
        stop: What told the function to stop, if it was told.
        result: Returns what the function has returned, or raises what it has raised.
    """
    try:
        return Outcome(values={"status": TaskStatus.COMPLETED, "result": work.dump_result(result())})
    except TaskCanceled as reason:
        return _stopped(run, type(reason))
    except BaseException as error:  # noqa: BLE001 - the worker's boundary
        if stop.is_noticed and stop.reason is not None:
            # It met an error on its way out.
            return _stopped(run, stop.reason)
        try:
            return _judge(work, run, raised(error))
        except BaseException as unreadable:  # noqa: BLE001 - such as a TaskError of one's own without a message
            return _failed(work, run, unreadable, _UNEXPECTED)


def given_up(work: Judged) -> Outcome:
    """Tell how an attempt ends whose function goes on after its hard limit."""
    limit = work.options.hard_timeout
    seconds = limit.total_seconds() if limit else 0
    failure = Failure(code="TIMED_OUT", message=f"The task took longer than its hard limit of {seconds:g} seconds.")
    return Outcome(values={"status": TaskStatus.FAILED, "failure": failure})


def given_back(run: Snapshot) -> Outcome:
    """Tell how an attempt ends whose worker comes to its end: it uses up no retry."""
    values = {"status": TaskStatus.RETRYING, "given_back": run.given_back + 1}
    return Outcome(values=values, verdict=Verdict(retry_in=timedelta(0)))


def _stopped(run: Snapshot, reason: type[TaskCanceled]) -> Outcome | None:
    """Tell what follows from what the function was told to stop for."""
    if issubclass(reason, AttemptLost):
        return None
    return given_back(run) if issubclass(reason, AttemptGivenBack) else CANCELED


def _refused(work: Judged, run: Snapshot, error: BaseException) -> Outcome:
    """Tell what follows from arguments that could not be decoded."""
    if isinstance(error, TaskError):
        return _failed(work, run, error, Failure(code=error.code, message=error.message), final=not error.retry)
    failure = Failure(code="REJECTED", message="The task cannot take the arguments that it was started with.")
    return _failed(work, run, error, failure, final=True)


def _judge(work: Judged, run: Snapshot, error: BaseException) -> Outcome:
    """Tell what follows from what the function raised, or what kept it from being called."""
    if isinstance(error, ArgumentsRefused):
        return _refused(work, run, error.__cause__ or error)
    if isinstance(error, TaskError):
        failure = Failure(code=error.code, message=error.message)
        is_final = not error.retry or isinstance(error, tuple(work.options.no_retry_for))
        return _failed(work, run, error, failure, final=is_final, retry_in=error.retry_after)
    if isinstance(error, ValueEncodingError):
        return _failed(work, run, error, Failure(code="TASK_ERROR", message=str(error)), final=True)
    if isinstance(error, DeadlineExceeded | TaskTimeout):
        limit = work.options.timeout
        seconds = limit.total_seconds() if limit else 0
        message = f"The task took longer than its limit of {seconds:g} seconds."
        failure = Failure(code="TIMED_OUT", message=message)
        told = error.__cause__ if isinstance(error.__cause__, TaskTimeout) else error
        return _failed(work, run, told, failure, final=not work.options.retries(TaskTimeout()))
    failure = Failure(code=_UNEXPECTED.code, message=told_by(error) or _UNEXPECTED.message)
    return _failed(work, run, error, failure, final=not work.options.retries(error))


def _failed(
    work: Judged,
    run: Snapshot,
    error: BaseException,
    failure: Failure,
    *,
    final: bool = False,
    retry_in: timedelta | None = None,
) -> Outcome:
    detailed = bounded(
        Failure(
            code=failure.code,
            message=encodable(failure.message),
            exception=type(error).__name__,
            traceback=encodable("".join(traceback.format_exception(error))),
        )
    )
    if final or not run.has_retry:
        # In one line, lest what a client has sent looks like another entry.
        logger.warning("Run %s (%s) failed: %s", run.id, run.name, " ".join(detailed.message.split()))
        unforeseen = None if isinstance(error, TaskError) else reported(error)
        return Outcome(values={"status": TaskStatus.FAILED, "failure": detailed}, verdict=Verdict(error=unforeseen))
    delay = work.options.backoff(run.attempt - run.given_back) if retry_in is None else retry_in
    logger.warning(
        "Attempt %d of run %s (%s) failed; the next one is in %s.", run.attempt, run.id, run.name, delay, exc_info=error
    )
    return Outcome(values={"status": TaskStatus.RETRYING, "failure": detailed}, verdict=Verdict(retry_in=delay))
