"""Frozen settings: every limit with its unit and its default."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import TypedDict, TypeVar
from urllib.parse import urlsplit

from .errors import ConfigurationError

Port = TypeVar("Port")

SCHEMES = ("redis", "rediss", "unix", "valkey", "valkeys", "memory")
"""What the URL of a store may start with."""

STORE_TIMEOUT = timedelta(seconds=1)
"""How long one call to the store or the queue may take before it counts as unavailable."""

IO_THREADS = 16
"""How many calls to the store and the queue one process makes at a time on behalf of its event loops."""

MAX_IO_WAIT = timedelta(milliseconds=250)
"""How long such a call may wait for its turn while others find the store or the queue away."""

MAX_PAGE = 100
"""How many runs one page of `tasks` holds at the most."""


MAX_PAYLOAD = 1024 * 1024
"""How many bytes the encoded arguments of a run have at the most, unless one says otherwise; files are not among them."""

MAX_SUBSCRIPTIONS = 1000
"""How many subscriptions one viewer has in a process at the most, unless one says otherwise."""

MAX_RESULT = 16 * 1024 * 1024
"""How many bytes what a run returns has at the most, as JSON, unless one says otherwise."""

MAX_ID = 200
"""How many characters a run's id has at the most that a client asks for; ours have 36."""

MAX_WORD = 200
"""How many characters a key or a tag has at the most."""

MAX_TAGS = 20
"""How many tags a run has at the most."""

MAX_PRIORITY = 1000
"""The highest priority; its negative is the lowest."""

FIELDS = ("task", "tasks", "schedules", "cancelTask", "retryTask", "taskProgress", "taskUpdated")
"""The fields that the extension brings beside those of the tasks."""

TYPES = (
    "TaskHandle",
    "UntypedTaskHandle",
    "TaskHandleConnection",
    "TaskHandleEdge",
    "TaskFailure",
    "TaskStatus",
    "TaskSchedule",
    "PageInfo",
    "JSON",
    "DateTime",
)
"""The types that the extension brings beside those of the tasks, by their names in GraphQL."""

LONGEST = timedelta(days=36_500)
"""The longest duration that a setting may have: a date that lies so far ahead can still be told."""

_GRAPHQL_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]{0,199}")
_QUEUE = re.compile(r"[a-zA-Z_][a-zA-Z0-9._-]{0,199}")


class TaskSettings(TypedDict, total=False):
    """What `Tasks` takes for all tasks, and a task for itself; ``None``, or nothing, is "as the default"."""

    queue: str | None
    """The queue that its messages go to; ``"default"``."""

    priority: int | None
    """How urgent its runs are in their queue, -1000 to 1000; the higher, the sooner. 0."""

    max_retries: int | None
    """How many attempts may follow the first one; 3."""

    retry_delay: timedelta | None
    """The wait before the second attempt; doubles with every further one. 5 seconds."""

    max_retry_delay: timedelta | None
    """The longest wait between two attempts; an hour."""

    retry_for: Sequence[type[BaseException]] | None
    """What another attempt follows on; on everything. `TaskError` decides for itself; `TimeoutError` stands for ``timeout``."""

    no_retry_for: Sequence[type[BaseException]] | None
    """What no other attempt follows on; goes before ``retry_for``. On nothing."""

    expires: timedelta | None
    """How long a run may wait that is due; one that has not started by then is FAILED with ``EXPIRED``. For ever."""

    timeout: timedelta | None
    """How long one attempt may take, before it is interrupted. As long as it takes."""

    hard_timeout: timedelta | None
    """How long one attempt may take whatever it does: its run is FAILED with ``TIMED_OUT``, and the worker process replaced."""

    cancel_grace: timedelta | None
    """How long a sync function may go on that was told to stop, before it is interrupted. For ever."""

    concurrency: int | None
    """How many runs may be RUNNING at a time, in all workers together. Any number."""

    concurrency_key: Callable[..., object] | None
    """Gets a run's arguments by name, and returns what ``concurrency`` is counted by, as text. All runs together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What applies to every run of one task."""

    queue: str = "default"
    """The queue that its messages go to."""

    max_retries: int = 3
    """How many attempts may follow the first one."""

    retry_delay: timedelta = timedelta(seconds=5)
    """The wait before the second attempt; doubles with every further one."""

    max_retry_delay: timedelta = timedelta(hours=1)
    """The longest wait between two attempts."""

    priority: int = 0
    """How urgent its runs are in their queue; the higher, the sooner."""

    retry_for: Sequence[type[BaseException]] | None = None
    """What another attempt follows on; ``None`` is everything."""

    no_retry_for: Sequence[type[BaseException]] = ()
    """What no other attempt follows on."""

    expires: timedelta | None = None
    """How long a run may wait that is due; ``None`` is for ever."""

    timeout: timedelta | None = None
    """How long one attempt may take; ``None`` is without a limit."""

    hard_timeout: timedelta | None = None
    """How long one attempt may take, whatever it does; ``None`` is without a limit."""

    cancel_grace: timedelta | None = None
    """How long a sync function may go on that was told to stop, before it is interrupted; ``None`` is for ever."""

    concurrency: int | None = None
    """How many runs may be RUNNING at a time; ``None`` is any number."""

    concurrency_key: Callable[..., object] | None = None
    """Tells what they are counted by; ``None`` counts all runs together."""

    def __post_init__(self) -> None:
        check_queue("queue", self.queue)
        check_priority("priority", self.priority)
        check_count("max_retries", self.max_retries)
        check_duration("retry_delay", self.retry_delay, zero=True)
        check_duration("max_retry_delay", self.max_retry_delay, zero=True)
        for name in ("expires", "timeout", "hard_timeout"):
            if (value := getattr(self, name)) is not None:
                check_duration(name, value)
        if self.cancel_grace is not None:
            check_duration("cancel_grace", self.cancel_grace, zero=True)
        check_exceptions("retry_for", self.retry_for or ())
        check_exceptions("no_retry_for", self.no_retry_for)
        check_concurrency(self.concurrency, self.concurrency_key)

    def retries(self, error: BaseException) -> bool:
        """Tell whether another attempt may follow on this."""
        if isinstance(error, tuple(self.no_retry_for)):
            return False
        return self.retry_for is None or isinstance(error, tuple(self.retry_for))

    def backoff(self, attempt: int, *, jitter: float | None = None) -> timedelta:
        """Return the wait after an attempt that failed: exponential, bounded, with jitter.

        Args:
            attempt: The attempt that failed; 1 is the first.
            jitter: Between 0 and 1, random by default: where between half and all of the full wait to land.
        """
        full = min(self.retry_delay * float(2 ** min(attempt - 1, 32)), self.max_retry_delay)
        return full * (0.5 + (random.random() if jitter is None else jitter) / 2)  # noqa: S311 - spreads load, keeps no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What applies to one `Tasks`."""

    url: str = field(repr=False)
    """Where the state lives, as ``redis://…``, ``rediss://…``, ``unix://…`` or ``memory://``; it may hold a password."""

    namespace: str = "strawberry_tasks"
    """The prefix of every key and channel."""

    lease: timedelta = timedelta(seconds=30)
    """How long after a worker's last sign of life its runs count as lost."""

    async_concurrency: int = 1000
    """How many runs of async tasks one worker process has in flight at a time, where they hold no thread each."""

    result_ttl: timedelta = timedelta(days=1)
    """How long a finished run's record is kept."""

    progress_interval: timedelta = timedelta(milliseconds=100)
    """Progress calls that are closer together than this are merged."""

    recheck: timedelta = timedelta(seconds=60)
    """How long somebody may watch before the policy is asked again who that is."""

    queues: Sequence[str] = ()
    """Further queues that runs may be sent to, beside those of the tasks."""

    max_subscriptions: int = MAX_SUBSCRIPTIONS
    """How many subscriptions one viewer has in a process at the most; nobody's are counted by their connection."""

    max_payload: int = MAX_PAYLOAD
    """How many bytes the encoded arguments of a run have at the most."""

    max_result: int = MAX_RESULT
    """How many bytes what a run returns has at the most, as JSON."""

    fields: Mapping[str, str | None] = field(default_factory=dict)
    """Other names for the fields of `FIELDS`; ``None`` leaves one out."""

    types: Mapping[str, str] = field(default_factory=dict)
    """Other names for the types of `TYPES`."""

    defaults: TaskOptions = field(default_factory=TaskOptions)
    """What holds for a task that says nothing else."""

    def __post_init__(self) -> None:
        check_url("url", self.url)
        check_name("namespace", self.namespace)
        check_duration("lease", self.lease)
        check_count("async_concurrency", self.async_concurrency, least=1)
        check_duration("result_ttl", self.result_ttl)
        check_duration("progress_interval", self.progress_interval, zero=True)
        check_duration("recheck", self.recheck)
        for queue in [None] if isinstance(self.queues, str) else self.queues:
            check_queue("queues", queue)
        check_count("max_subscriptions", self.max_subscriptions, least=1)
        check_count("max_payload", self.max_payload)
        check_count("max_result", self.max_result, least=4)
        check_names("fields", self.fields, FIELDS, none=True)
        check_names("types", self.types, TYPES)


def options(defaults: TaskOptions, **own: object) -> TaskOptions:
    """Lay a task's own options over the defaults; ``None`` means "as the default".

    Raises:
        ConfigurationError: If a value cannot work; names the option.
        TypeError: If there is no such option.
    """
    merged = {item.name: getattr(defaults, item.name) for item in fields(TaskOptions)}
    if unknown := own.keys() - merged.keys():
        raise TypeError(f"expected {', '.join(sorted(merged))} as options of a task, got {min(unknown)!r}.")
    merged.update({name: value for name, value in own.items() if value is not None})
    return TaskOptions(**merged)


def check_url(setting: str, value: object) -> None:
    """Refuse what is not the URL of a store. The URL itself may hold a password, and is not repeated."""
    scheme, separator, _ = value.partition("://") if isinstance(value, str) else ("", "", "")
    if not separator or scheme not in SCHEMES:
        got = f"{scheme}://" if separator else f"{type(value).__name__} without a scheme"
        raise ConfigurationError(
            f"{setting}: expected one that starts with {', '.join(f'{known}://' for known in SCHEMES)}, got {got}."
        )
    try:
        path = urlsplit(str(value)).path
    except ValueError as error:
        raise ConfigurationError(f"{setting}: expected a URL such as redis://host:6379/0.") from error
    # redis-py would take database 0 instead.
    if scheme not in {"unix", "memory"} and not re.fullmatch(r"/?[0-9]*", path):
        raise ConfigurationError(
            f"{setting}: expected the number of a database behind the host, as in redis://host:6379/0. Write '/' as %2F in a password."
        )


def check_names(setting: str, names: Mapping[str, str | None], known: Sequence[str], *, none: bool = False) -> None:
    """Refuse other names for what there is not, and names that GraphQL does not take."""
    if not isinstance(names, Mapping):
        raise ConfigurationError(f"{setting}: expected a dict of names, got {names!r}.")
    for origin, name in names.items():
        if origin not in known:
            raise ConfigurationError(f"{setting}: expected {', '.join(known)} as keys, got {origin!r}.")
        if name is not None or not none:
            check_graphql_name(f"{setting}[{origin!r}]", name)


def check_graphql_name(setting: str, value: object) -> None:
    """Refuse what cannot name anything in GraphQL."""
    if not isinstance(value, str) or not _GRAPHQL_NAME.fullmatch(value):
        raise ConfigurationError(
            f"{setting}: expected a name of letters, digits and '_' that does not start with a digit, got {value!r}."
        )


def check_name(setting: str, value: object) -> None:
    """Refuse what cannot name a queue, a task or a key prefix."""
    if not isinstance(value, str) or not value or len(value) > 200 or any(c.isspace() for c in value):
        raise ConfigurationError(f"{setting}: expected a name of 1 to 200 characters without spaces, got {value!r}.")


def check_queue(setting: str, value: object) -> None:
    """Refuse what Dramatiq would not take as a queue's name."""
    if not isinstance(value, str) or not _QUEUE.fullmatch(value):
        raise ConfigurationError(
            f"{setting}: expected a name of letters, digits, '.', '_' and '-' that starts with a letter, got {value!r}."
        )


def check_port(setting: str, value: Port, protocol: type) -> Port:
    """Refuse an object that lacks a method of a protocol; return it otherwise."""
    names = [name for name in vars(protocol) if not name.startswith("_")]
    missing = [name for name in names if not callable(getattr(value, name, None))]
    if missing or isinstance(value, type):
        lack = f" without {', '.join(missing)}()" if missing else "; make an instance of it"
        raise ConfigurationError(f"{setting}: expected an object like {protocol.__name__}, got {value!r}{lack}.")
    return value


def check_count(setting: str, value: object, *, least: int = 0) -> None:
    """Refuse what is not a whole number from 0 upward, or from another one."""
    # Clients see it as an Int, which has 32 bits.
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**31:
        raise ConfigurationError(f"{setting}: expected a whole number from {least} to {2**31 - 1}, got {value!r}.")


def check_priority(setting: str, value: object) -> None:
    """Refuse what is not a priority."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_PRIORITY:
        raise ConfigurationError(
            f"{setting}: expected a whole number from {-MAX_PRIORITY} to {MAX_PRIORITY}, got {value!r}."
        )


def check_exceptions(setting: str, value: object) -> None:
    """Refuse what does not consist of exception classes."""
    kinds = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)) or kinds is not value:
            raise ConfigurationError(f"{setting}: expected a tuple of exception classes, got {value!r}.")


def check_concurrency(limit: object, key: object) -> None:
    """Refuse what cannot limit how many runs there are at a time."""
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ConfigurationError(f"concurrency: expected a whole number from 1 upward, got {limit!r}.")
    if key is not None and (limit is None or not callable(key)):
        raise ConfigurationError(f"concurrency_key: expected a function, beside concurrency=…, got {key!r}.")


def check_duration(setting: str, value: object, *, zero: bool = False) -> None:
    """Refuse what is not a positive `timedelta`."""
    if not isinstance(value, timedelta):
        hint = f" Write timedelta(seconds={value})." if isinstance(value, int | float) else ""
        raise ConfigurationError(f"{setting}: expected a timedelta, got {value!r}.{hint}")
    if value < timedelta(0) or (value == timedelta(0) and not zero):
        raise ConfigurationError(f"{setting}: expected a positive duration, got {value!r}.")
    if value > LONGEST:
        raise ConfigurationError(f"{setting}: expected at most {LONGEST.days} days, got {value!r}.")
