"""One attempt of a run, from claimed to its outcome; knows no queue."""

from __future__ import annotations

import itertools
import logging
import os
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any, Protocol, TypeVar

from .config import TaskOptions
from .context import TaskContext
from .coroutines import CoroutineThread
from .deadline import await_within, call_within
from .errors import StoreUnavailableError, TaskUnreadableError
from .escapes import OURS, contained, raise_
from .hard_limit import HardLimit, is_worker_process, replace_process
from .isolation import apart, own_decimals
from .keeper import Keeper
from .outage import Outage
from .outcome import CANCELED, ArgumentsRefused, Outcome, Verdict, given_back, given_up, outcome_of
from .progress import ProgressFlusher, ProgressReporter
from .snapshot import Encoded, Failure, Snapshot
from .status import TaskStatus
from .stop import StopSignal, await_unless_stopped
from .stores.base import Busy, Change, Claim, Store
from .stores.records import present
from .surroundings import Surroundings, entered_on_loop

logger = logging.getLogger(__name__)

R = TypeVar("R")

SETTLE_PATIENCE = timedelta(seconds=60)
"""How long an attempt that has ended tries to write its outcome to a store that is away."""

CLAIM_PATIENCE = timedelta(seconds=5)
"""How long an attempt tries to begin when the store is away."""

STORE_PAUSE = timedelta(seconds=1)
"""When a message is delivered again that met an unreachable store."""

_claims = itertools.count()

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

    def dump_result(self, value: Any) -> Encoded:
        """Encode what the function returned.

        Raises:
            ValueEncodingError: If it does not fit the declared type.
            TaskError: If it is too large to be kept.
        """

    def release(self, arguments: str) -> None:
        """Drop what was kept for the run outside the store, such as uploaded files."""


class Waker(Protocol):
    """What tells runs that wait for others; `Control` does."""

    def wake(self, run_id: str) -> None:
        """Have the runs start that waited for this one to end."""


class Means(Protocol):
    """What a process performs attempts with; `Runtime` has it."""

    store: Store
    """Where the runs are."""

    flusher: ProgressFlusher
    """Writes their progress."""

    keeper: Keeper
    """Keeps the attempts leased."""

    coroutines: CoroutineThread
    """Runs async tasks."""

    surroundings: Surroundings
    """What is done around them."""

    @property
    def control(self) -> Waker:
        """Has the runs start that waited for others."""

    def changed(self, run_id: str) -> None:
        """Hear that a run is in another state now."""


def perform(
    work: Work, run_id: str, means: Means, settle: Settle | None = None, *, trouble: BaseException | None = None
) -> Verdict:
    """Claim the next attempt of a run, execute it in this thread and in a copy of its context, and write its outcome.

    Args:
        work: The task.
        run_id: The run.
        means: What to perform it with.
        settle: Writes the outcome, by default with `Store.apply`.
        trouble: What the attempt ends with instead, as if its function had raised it.

    Raises:
        StoreUnavailableError: If the store was away before the attempt, or for `SETTLE_PATIENCE` after it. The message has
            to be delivered again.
    """
    return apart(_perform, work, run_id, means, settle, trouble)


def _perform(work: Work, run_id: str, means: Means, settle: Settle | None, trouble: BaseException | None) -> Verdict:
    attempt = begin(work, run_id, means, settle)
    return attempt if isinstance(attempt, Verdict) else attempt.perform(trouble)


def begin(work: Work, run_id: str, means: Means, settle: Settle | None = None) -> Attempt | Verdict:
    """Claim the next attempt of a run; if there is none, tell what follows for its message.

    Raises:
        StoreUnavailableError: If the store is away. The message has to be delivered again.
    """
    claim = _claim(means.store, run_id)
    if claim is None:
        logger.info("Skipped a message of run %s (%s): it has ended or expired.", run_id, work.name)
        return Verdict()
    if isinstance(claim, Busy):
        logger.info("Put a message of run %s (%s) off for %s.", run_id, work.name, claim.retry_in)
        return Verdict(retry_in=claim.retry_in, is_busy=True)
    means.changed(run_id)
    if claim.snapshot.is_terminal:
        logger.warning("Run %s (%s) ended with its last attempt: %s", run_id, work.name, claim.snapshot.error)
        _release(work, claim)
        return Verdict()
    return Attempt(work, claim, means, settle or _apply)


class Attempt:
    """An attempt that was claimed. It is executed once, then concluded, and leased until that.

    Attributes:
        run: The run, as it was claimed.
        stop: Tells the function to stop.
    """

    def __init__(self, work: Work, claim: Claim, means: Means, settle: Settle) -> None:
        self.run = claim.snapshot
        self.stop = StopSignal()
        self._work = work
        self._claim = claim
        self._store = means.store
        self._coroutines = means.coroutines
        self._surroundings = means.surroundings
        self._settle = settle
        self._reporter = means.flusher.open(self.run.id, self.run.attempt)
        self._keeper = means.keeper
        self._waker = means.control
        self._changed = means.changed
        self._lock = threading.Lock()
        self._is_over = False
        means.keeper.hold(self.run, self.stop, abandon=self._abandon)
        limit = work.options.hard_timeout
        self._hard_limit = None if limit is None else HardLimit(limit, self._give_up)

    @property
    def label(self) -> str:
        """Names it in a log."""
        return f"Attempt {self.run.attempt} of run {self.run.id} ({self.run.name})"

    def perform(self, trouble: BaseException | None = None) -> Verdict:
        """Execute and conclude it.

        Args:
            trouble: What it ends with instead, as if its function had raised it.

        Raises:
            StoreUnavailableError: As `conclude` does.
        """
        return self.conclude(self.execute if trouble is None else partial(raise_, trouble))

    def execute(self) -> Any:
        """Call the function, wait for it, and return its result."""
        if self._work.is_async:
            return self._coroutines.run(self.coroutine(), label=self.label)
        options = self._work.options
        return call_within(options.timeout, self._bind(), stop=self.stop, grace=options.cancel_grace)

    def coroutine(self) -> Coroutine[Any, Any, Any]:
        """Return the function's coroutine, within its limits; for `CoroutineThread` to run.

        Raises:
            ArgumentsRefused: If it cannot take the arguments.
        """
        awaitable = await_unless_stopped(self.stop, _surrounded(self._bind(), self._surroundings))
        limited = await_within(
            self._work.options.timeout, awaitable, stalled=lambda: self._coroutines.stalled(except_by=self.label)
        )
        return contained(limited)

    def conclude(self, result: Callable[[], Any]) -> Verdict:
        """Write how the attempt ended, and tell what follows for its message.

        Args:
            result: Returns what the function has returned, or raises what it has raised.

        Raises:
            StoreUnavailableError: If the store was away for `SETTLE_PATIENCE`. The message has to be delivered again.
        """
        try:
            outcome = outcome_of(self._work, self.run, self.stop, result)
            self.stop.is_over = True
            return self._end(outcome) if self._is_first_end() else Verdict()
        finally:
            self._let_go()

    def _end(self, outcome: Outcome | None) -> Verdict:
        verdict = _conclude(self._work, self._claim, outcome, self._reporter, store=self._store, settle=self._settle)
        self._changed(self.run.id)
        if self._work.options.concurrency is not None:
            self._waker.wake(self.run.id)
        return verdict

    def _let_go(self) -> None:
        self._keeper.release(self.run)
        if self._hard_limit is not None:
            self._hard_limit.cancel()

    def _is_first_end(self) -> bool:
        with self._lock:
            is_first, self._is_over = not self._is_over, True
        return is_first

    def _abandon(self) -> None:
        """Give the run back though its function goes on; called when the process comes to its end."""
        if not self._is_first_end():
            return
        logger.warning("%s does not stop; its run goes on elsewhere all the same.", self.label)
        try:
            self._end(given_back(self.run))
        finally:
            self._let_go()

    def _give_up(self) -> None:
        """End the run though its function goes on; called when its hard limit is over."""
        if not self._is_first_end():
            return
        logger.critical("%s goes on after its hard limit, and nothing ends it.", self.label)
        try:
            self._end(given_up(self._work))
        except StoreUnavailableError:
            logger.exception("%s could not be ended; it is lost with its lease.", self.label)
        finally:
            self._let_go()
        if is_worker_process():
            replace_process(self._keeper.give_back)

    def _bind(self) -> Callable[[], Any]:
        try:
            return self._work.bind(self._claim.arguments, TaskContext(self.run, self._reporter, self.stop))
        except OURS:
            raise
        except BaseException as error:
            raise ArgumentsRefused from error


@lru_cache(1)  # A forked child has its own.
def _process_token(_: int) -> str:
    return secrets.token_hex(8)


def _claim(store: Store, run_id: str) -> Claim | Busy | None:
    # With the token, a claim whose answer got lost is asked for again, and not lost with its lease.
    token = f"{_process_token(os.getpid())}-{next(_claims)}"
    return _patiently(lambda: store.claim(run_id, token=token), CLAIM_PATIENCE, f"The claim of run {run_id}")


def _conclude(
    work: Work, claim: Claim, outcome: Outcome | None, reporter: ProgressReporter, *, store: Store, settle: Settle
) -> Verdict:
    """Write how an attempt ended, and tell what follows for its message."""
    run = claim.snapshot
    if outcome is not None and _settle(store, run, outcome, reporter, settle) is None:
        # A retry is refused when somebody asked for the run to stop; it is canceled instead.
        outcome = CANCELED if _is_to_be_canceled(_read(store, run.id), run.attempt) else None
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


async def _surrounded(call: Callable[[], Awaitable[Any]], surroundings: Surroundings) -> Any:
    own_decimals()
    async with entered_on_loop(surroundings):
        return await call()


def fail(run_id: str, failure: Failure, *, store: Store, find: Callable[[str], Work | None]) -> None:
    """End a run as FAILED of which no attempt will follow; one that has ended, or is gone, stays as it is.

    Args:
        run_id: The run.
        failure: Why.
        store: Where it is.
        find: Finds a task by its name; ``None`` if this process does not know it.

    Raises:
        StoreUnavailableError: If the store is away, or an attempt may be running; try again later.
    """
    try:
        claim = store.claim(run_id)
    except TaskUnreadableError as error:
        # Whoever removes the record, or can read it, decides.
        logger.error("Run %s (%s) stays as it is: %s", run_id, failure.code, error.reason)
        return
    if claim is None:
        return
    if not isinstance(claim, Claim):
        raise StoreUnavailableError(f"Run {run_id} is in the hands of a worker.")
    values = {"status": TaskStatus.FAILED, "failure": failure}
    store.apply([Change(run_id=run_id, attempt=claim.snapshot.attempt, values=values)])
    if (work := find(claim.snapshot.name)) is not None:
        _release(work, claim)


def _apply(store: Store, change: Change) -> int | None:
    return store.apply([change])[0]


def _settle(store: Store, run: Snapshot, outcome: Outcome, reporter: ProgressReporter, settle: Settle) -> int | None:
    change = Change(
        run_id=run.id,
        attempt=run.attempt,
        values={**reporter.values(), **outcome.values},
        delay=outcome.verdict.retry_in,
    )
    return _patiently(lambda: settle(store, change), SETTLE_PATIENCE, f"The outcome of run {run.id}")


def _read(store: Store, run_id: str) -> Snapshot | None:
    return _patiently(lambda: present(store.read([run_id])[0]), SETTLE_PATIENCE, f"The state of run {run_id}")


def _patiently(call: Callable[[], R], patience: timedelta, what: str) -> R:
    give_up = time.monotonic() + patience.total_seconds()
    pause, outage = 0.05, Outage(logger)
    while True:
        try:
            return call()
        except StoreUnavailableError as error:
            if time.monotonic() + pause > give_up:
                raise
            outage.note("%s waits for the store: %s", what, error)
        time.sleep(pause)
        pause = min(pause * 2, 2.0)


def _release(work: Work, claim: Claim) -> None:
    try:
        work.release(claim.arguments)
    except BaseException:  # The run has ended, whatever it is.
        logger.exception("Run %s has ended, but its uploads could not be removed.", claim.snapshot.id)
