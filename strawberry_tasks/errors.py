"""Every error that the package raises, under one root."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from .validation import told_by

if TYPE_CHECKING:
    from .snapshot import Snapshot

__all__ = [
    "ConfigurationError",
    "ObjectGoneError",
    "ObjectUnavailableError",
    "QueueUnavailableError",
    "StoreUnavailableError",
    "StrawberryTasksError",
    "TaskCanceled",
    "TaskCanceledError",
    "TaskDeclarationError",
    "TaskError",
    "TaskFailedError",
    "TaskInputError",
    "TaskNotFoundError",
    "TaskNotRetryableError",
    "TaskTimeout",
    "TaskUnreadableError",
    "TooManySubscriptionsError",
    "UnauthenticatedError",
    "UnforeseenError",
    "UnknownUserError",
    "UploadsUnavailableError",
    "ValueEncodingError",
]


_SHOWN = 100
"""How many characters of what a client sent are sent back."""


def shown(text: str) -> str:
    """Return what a message tells of a text that may be of any size."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"


class StrawberryTasksError(Exception):
    """The root of all errors of this package."""


class ConfigurationError(StrawberryTasksError):
    """A setting has a value that cannot work; the message names the setting."""


class TaskDeclarationError(StrawberryTasksError):
    """A task cannot be declared like this; the message names the task and the parameter."""


class ValueEncodingError(StrawberryTasksError):
    """A value does not fit its declared type; the message names the field and the type."""


class ClientError(StrawberryTasksError):
    """An error that a GraphQL client may see: its message, and its code in ``extensions``."""

    code: ClassVar[str]

    @property
    def message(self) -> str:
        """What clients read."""
        return str(self)

    @property
    def extensions(self) -> dict[str, object]:
        """What GraphQL puts beside the message."""
        return {"code": self.code}


class TaskNotFoundError(ClientError):
    """There is no such run, it has expired, or it is not the viewer's."""

    code = "TASK_NOT_FOUND"

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"There is no task with the id {shown(run_id)}, or it has expired.")


class TaskNotRetryableError(ClientError):
    """The run cannot be started again; the message says why."""

    code = "TASK_NOT_RETRYABLE"


class TaskUnreadableError(ClientError):
    """The record of a run cannot be read here: it is damaged, or another version of the package wrote it.

    The others are not touched by it. The record expires as any other does, and ``strawberry-tasks unreadable purge`` removes it.

    Attributes:
        run_id: The run.
        reason: What is wrong with the record, for operators.
        legible: The run with what could be read of it; the rest is as in a run that was never started.
    """

    code = "TASK_UNREADABLE"

    def __init__(self, run_id: str, reason: str, *, legible: Snapshot | None = None) -> None:
        self.run_id = run_id
        self.reason = reason
        self.legible = legible
        super().__init__(f"The task {shown(run_id)} cannot be read: it is damaged, or of another version.")


class TaskInputError(ClientError):
    """The arguments cannot be given to the task."""

    code = "BAD_TASK_INPUT"


class UnauthenticatedError(ClientError):
    """Only an authenticated viewer may ask for this."""

    code = "UNAUTHENTICATED"

    def __init__(self) -> None:
        super().__init__("Sign in to watch your tasks.")


class UnknownUserError(ClientError):
    """Somebody is signed in, and the policy cannot tell who; nothing was started."""

    code = "UNKNOWN_USER"

    def __init__(self, found: str) -> None:
        super().__init__(
            f"It cannot be told who is signed in: expected a user with a pk, id, sub or the like, got {found}. "
            "Write a policy that names your users, and pass it as Tasks(policy=…): a subclass of OwnerPolicy with "
            "`def viewer_of(self, user): return Viewer(id=…)`, where the id is a text that is the user's alone."
        )


def lacks_memory(error: BaseException | None) -> bool:
    """Tell whether an error comes from a Redis that has no memory for more; whatever client has met it, its words stay."""
    while error is not None:
        if "used memory > 'maxmemory'" in str(error):
            return True
        error = error.__cause__
    return False


class TooManySubscriptionsError(ClientError):
    """The viewer has as many subscriptions in this process as one may have."""

    code = "TOO_MANY_SUBSCRIPTIONS"

    def __init__(self, most: int) -> None:
        super().__init__(f"You have {most} subscriptions to tasks, and may have no more. End some of them first.")


class StoreUnavailableError(ClientError):
    """The store does not answer, or has no memory for more; nothing is known about the run.

    Where the server is and what it answered stands in the error's text, for operators.
    """

    code = "STORE_UNAVAILABLE"

    @property
    def message(self) -> str:
        """What clients read."""
        if lacks_memory(self):
            return "The task store has no memory left for this. Try again later."
        return "The task store cannot be reached. Try again."


class QueueUnavailableError(ClientError):
    """The queue cannot be reached, or has no memory for more; nothing was started, or that is not known yet.

    Attributes:
        unsettled: The ids of runs that may have been started all the same, since not even that could be learned. They are
            taken back once it can, unless a worker has begun them. Mostly empty: nothing was started.
    """

    code = "QUEUE_UNAVAILABLE"

    def __init__(self, *, unsettled: tuple[str, ...] = ()) -> None:
        self.unsettled = unsettled
        super().__init__()

    def __str__(self) -> str:
        if self.unsettled:
            return "The task queue does not answer. What was asked for is taken back, unless a worker has begun it by then."
        if lacks_memory(self.__cause__):
            return "The task queue has no memory left for more. Nothing was started; try again later."
        return "The task queue cannot be reached. Nothing was started; try again."


class UploadsUnavailableError(ClientError):
    """An uploaded file could not be kept; nothing was started. The cause says why."""

    code = "UPLOADS_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The uploaded file cannot be kept. Nothing was started; try again.")


class UnforeseenError(ClientError):
    """Something failed that nobody has foreseen; the cause says what, and is for operators alone."""

    code = "INTERNAL_ERROR"

    def __init__(self) -> None:
        super().__init__("The server has met an error that nobody has foreseen. It stands in the server's log.")


class TaskError(StrawberryTasksError):
    """Raise this in a task to fail with a message that its watchers may read.

    Args:
        message: One line for the person who waits.
        code: For programs; stands in ``failure.code``.
        retry: Whether another attempt may follow.
        retry_after: How long to wait before the next attempt, instead of the task's own backoff.

    Raises:
        ValueError: If ``retry_after`` is no `timedelta`, or a negative one.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "TASK_ERROR",
        retry: bool = True,
        retry_after: timedelta | None = None,
    ) -> None:
        waits: object = retry_after
        if waits is not None and not (isinstance(waits, timedelta) and waits >= timedelta(0)):
            raise ValueError(f"TaskError: expected retry_after to be a timedelta of 0 or more, got {retry_after!r}.")
        # An exception, say a ValidationError of Django's, or a lazy translation is often passed as the message.
        self.message = told_by(message) or str(message)
        self.code = str(code)
        self.retry = retry
        self.retry_after = retry_after
        super().__init__(message)

    @property
    def extensions(self) -> dict[str, object]:
        """What GraphQL puts beside the message, where a resolver raises it."""
        return {"code": self.code}


class ObjectGoneError(TaskError):
    """The row of a Django model is not there any more."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="OBJECT_GONE", retry=False)


class ObjectUnavailableError(TaskError):
    """The row of a Django model cannot be read: its database is not known here, or does not answer."""

    def __init__(self, message: str, *, retry: bool) -> None:
        super().__init__(message, code="OBJECT_UNAVAILABLE", retry=retry)


class TaskTimeout(TimeoutError, asyncio.CancelledError):  # noqa: N818 - says what happened, as `TaskCanceled` does
    """The function has taken longer than its task's ``timeout``; raised in it, be it sync or async, so that it can clean up.

    Let out, it ends the attempt with ``TIMED_OUT``. A function that catches it has as much time again; then it is ended by what
    ``except Exception`` does not catch. In an async one it stands for a cancellation too, so that whatever waits in the
    middle of things lets go of them as it does then.
    """


class TaskCanceled(BaseException):
    """Raised in a task that somebody has canceled: by ``task.progress()`` and ``task.check_canceled()``.

    Not an `Exception`, so that a broad ``except Exception`` in the function does not swallow it. Clean up, and let it pass.
    """


class TaskFailedError(StrawberryTasksError):
    """The awaited run ended as FAILED.

    Attributes:
        code: The failure's code, e.g. ``TASK_ERROR``.
    """

    def __init__(self, run_id: str, code: str, message: str) -> None:
        self.run_id = run_id
        self.code = code
        super().__init__(f"{message} ({code}, task {run_id})")


class TaskCanceledError(StrawberryTasksError):
    """The awaited run ended as CANCELED."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"The task {run_id} was canceled.")


class AlreadyFiredError(StrawberryTasksError):
    """This fire of the schedule was made before, and its run is gone."""


class ScheduleNotFoundError(StrawberryTasksError):
    """There is no such schedule, or its task is gone."""
