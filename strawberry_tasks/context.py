"""What the running function sees of its run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import cache, partial
from sys import float_info
from typing import Any, Final

from .escapes import OURS
from .policy import Viewer
from .progress import ProgressReporter
from .snapshot import Snapshot
from .stop import AttemptLost, StopSignal

_LARGEST = float_info.max

_IN_A_WORKER: Final = ("task", "user")

_MISSING: Final = (
    "info.context: a worker has `task` and `user`, got {!r}. There is no request in it: hand what the function needs over as an "
    "argument, or keep it with the run in the policy's claims_of()."
)


class TaskContext:
    """The run that the function belongs to. The same calls work in sync and in async functions; none of them does I/O."""

    __slots__ = ("_reporter", "_run", "_stop")

    def __init__(self, run: Snapshot, reporter: ProgressReporter, stop: StopSignal | None = None) -> None:
        self._run = run
        self._reporter = reporter
        self._stop = stop or StopSignal()

    @property
    def id(self) -> str:
        """The run's id."""
        return self._run.id

    @property
    def name(self) -> str:
        """The task's name."""
        return self._run.name

    @property
    def queue(self) -> str:
        """The queue that the run came from."""
        return self._run.queue

    @property
    def attempt(self) -> int:
        """This attempt; 1 is the first."""
        return self._run.attempt

    @property
    def max_retries(self) -> int:
        """How many attempts may follow the first."""
        return self._run.max_retries

    @property
    def snapshot(self) -> Snapshot:
        """The run as this attempt has begun it; its progress stays as it was then."""
        return self._run

    @property
    def viewer(self) -> Viewer:
        """Who started the run, and the claims that were captured then."""
        return Viewer(id=self._run.owner, claims=self._run.claims)

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        """Tell how far the run is.

        Calls that are closer together than the progress interval are merged; the last one always arrives.

        Args:
            current: Units done, 0 or more.
            total: Units in all, 0 or more; ``None`` leaves it as it was. Without any the percentage stays at 0.
            message: What is being done; ``None`` leaves it as it was.

        Raises:
            ValueError: If ``current`` or ``total`` is negative or no finite number.
            TaskCanceled: If somebody has canceled the run; or if its lease was lost, and it goes on elsewhere.
        """
        try:
            valid = 0 <= current <= _LARGEST and (total is None or 0 <= total <= _LARGEST)
        except (TypeError, ArithmeticError):
            valid = False
        if not valid:
            raise ValueError(
                "progress(): expected current and total to be finite numbers, 0 or more, "
                f"got current={current!r}, total={total!r}."
            )
        self._reporter.report(current, total, message)
        self.check_canceled()

    @property
    def is_canceled(self) -> bool:
        """Whether the function has to stop: for those who would rather ask than catch `TaskCanceled`."""
        if self._reporter.superseded:
            self._stop.send(AttemptLost)
        return self._stop.reason is not None

    def check_canceled(self) -> None:
        """Stop here if somebody has canceled the run: for functions that have no progress to report.

        Raises:
            TaskCanceled: If so; or if the attempt's lease was lost, and the run goes on elsewhere.
        """
        if self.is_canceled:
            self._stop.check()

    def update_progress(self, percent: float, message: str | None = None) -> None:
        """Tell how far the run is in percent, 0 to 100."""
        self.progress(percent, 100, message)


class InfoContext(Mapping[str, Any]):
    """Stands where a resolver has ``info.context``: what is in it, ``task`` and ``user``, is found by attribute and by key.

    Args:
        task: The run.
        load_user: Loads its user, once.
        now: Load it now: the function runs on an event loop, where nothing may wait for a database.

    Attributes:
        task: The run.
    """

    __slots__ = ("_load_user", "task")

    def __init__(self, task: TaskContext, load_user: Callable[[Viewer], object], *, now: bool) -> None:
        self.task = task
        self._load_user: Callable[[], object] = cache(lambda: load_user(task.viewer))
        if now:
            # What goes wrong here is for the function to meet, if it asks at all.
            loaded: Future[object] = Future()
            try:
                loaded.set_result(self._load_user())
            except OURS:
                raise
            except BaseException as error:  # noqa: BLE001 - raised where the function asks
                loaded.set_exception(error)
            self._load_user = partial(loaded.result, timeout=0)

    @property
    def user(self) -> Any:
        """Who started the run, as the policy loads it; by default a `Viewer`."""
        return self._load_user()

    def __getitem__(self, key: str) -> Any:
        if key not in _IN_A_WORKER:
            raise KeyError(_MISSING.format(key))
        return getattr(self, key)

    def __getattr__(self, name: str) -> Any:
        if name == "user":
            return self._load_user()  # An AttributeError of the policy's brought us here; it is to be seen as it is.
        raise AttributeError(_MISSING.format(name))

    def __iter__(self) -> Iterator[str]:
        return iter(_IN_A_WORKER)

    def __len__(self) -> int:
        return len(_IN_A_WORKER)


class TaskInfo:
    """Stands where a resolver has ``info``, for functions that are written like resolvers.

    Attributes:
        context: Holds the run and its user.
        schema: Finds the types of relay's nodes, for `GlobalID.resolve_node`.
    """

    __slots__ = ("context", "schema")

    def __init__(self, context: InfoContext, schema: object) -> None:
        self.context = context
        self.schema = schema

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"info.{name}: expected context or schema, which is what a task has of a resolver's info, got {name!r}. "
            "Pass what else the task needs as an argument."
        )
