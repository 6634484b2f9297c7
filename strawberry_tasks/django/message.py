"""The task of Django's tasks framework that performs runs, one attempt for a message."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from ..errors import QueueUnavailableError, StoreUnavailableError
from ..isolation import apart
from ..lifecycle import STORE_PAUSE, Attempt, begin
from ..outcome import Verdict
from ..runtime import Runtime
from ..snapshot import Failure
from ..starter import no_operation
from ..stores.records import present
from ..surroundings import entered
from .carrier import FrameworkBackend
from .conf import DjangoSettings
from .default import default_tasks
from .framework import AnyTask, AnyTaskContext, framework_task, task_backends

logger = logging.getLogger(__name__)

SHORT: Final = timedelta(seconds=1)
"""What a worker waits for itself; backends look for what is due once a second or so."""

UNKNOWN: Final = Failure(code="REJECTED", message="The worker does not know the task.")

_alias: Final = DjangoSettings.load().tasks_alias or "default"
_queues: Final = task_backends[_alias].queues


@framework_task(backend=_alias, queue_name=min(_queues, default="default"), takes_context=True)
def perform_run(context: AnyTaskContext, run_id: str) -> None:
    """Perform the next attempt of a run."""
    runtime = default_tasks.runtime()
    backend = cast("FrameworkBackend", runtime.backend)
    backend.tend()
    # What is performed inline stands in the surroundings of its caller.
    with nullcontext() if backend.is_inline else entered(runtime.surroundings) as trouble:
        try:
            with no_operation():  # Inline, it may be in the middle of one.
                _perform(context.task_result.task, run_id, runtime, backend, trouble)
        finally:
            # A worker may end its process with the message.
            runtime.flush_log()


def _perform(
    message: AnyTask, run_id: str, runtime: Runtime, backend: FrameworkBackend, trouble: BaseException | None
) -> None:
    while (wait := apart(_attempt, message, run_id, runtime, backend, trouble)) is not None:
        if backend.is_inline:
            continue
        if wait > SHORT and backend.can_defer:
            try:
                backend.send_again(message, run_id, wait)
            except QueueUnavailableError as error:
                logger.warning("Run %s waits in this worker, since it cannot be enqueued: %s", run_id, error.__cause__)
            else:
                return
        time.sleep(max(wait.total_seconds(), 0))


def _attempt(
    message: AnyTask, run_id: str, runtime: Runtime, backend: FrameworkBackend, trouble: BaseException | None
) -> timedelta | None:
    """Perform the next attempt of a run that is due; return how long until the message is wanted again, if it is."""
    try:
        verdict = _verdict(message, run_id, runtime, backend, trouble)
    except StoreUnavailableError:
        if backend.is_inline:
            raise
        return STORE_PAUSE
    if verdict.retry_in is None:
        if verdict.error is not None:
            raise verdict.error
        return None
    if verdict.is_busy and backend.is_inline:
        # Whoever has it performs it to its end. One that waits for others would wait for its own caller.
        logger.warning("Run %s is not performed: another attempt, or run, has its place.", run_id)
        return None
    return verdict.retry_in


def _verdict(
    message: AnyTask, run_id: str, runtime: Runtime, backend: FrameworkBackend, trouble: BaseException | None
) -> Verdict:
    run = present(runtime.store.read([run_id])[0])
    if run is None or run.is_terminal:
        logger.info("Skipped a message of run %s: it has ended or expired.", run_id)
        return Verdict()
    if run.scheduled_for is not None and not backend.is_inline:
        early = run.scheduled_for - datetime.now(UTC)
        if early > timedelta(0):
            return Verdict(retry_in=early, is_busy=True)
    try:
        work = default_tasks.find(run.name)
    except KeyError:
        default_tasks.fail(run_id, UNKNOWN)
        return Verdict()
    attempt = begin(work, run_id, runtime)
    if not isinstance(attempt, Attempt):
        return attempt
    if backend.can_defer and not backend.is_inline:
        _leave_another(message, run_id, backend)
    return attempt.perform(trouble)


def _leave_another(message: AnyTask, run_id: str, backend: FrameworkBackend) -> None:
    """Enqueue a message that is due with the attempt's lease: backends deliver none again whose worker was killed."""
    try:
        backend.send_again(message, run_id, default_tasks.config.lease)
    except QueueUnavailableError as error:
        logger.warning("Run %s goes on without a second message, should this worker die: %s", run_id, error.__cause__)
