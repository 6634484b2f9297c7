"""The ``STRAWBERRY_TASKS`` setting: what may stand in it, and what that means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from ..errors import ConfigurationError

SETTING = "STRAWBERRY_TASKS"


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoSettings:
    """``STRAWBERRY_TASKS`` with its defaults; each attribute is the key of the same name in capitals.

    Durations are a `timedelta` or a number of seconds. What `Tasks` knows too means the same there.
    """

    url: str = "redis://127.0.0.1:6379/0"
    """Where the state lives."""

    backend: str | None = None
    """What runs the tasks: ``"dramatiq"``, ``"thread"``, ``"sync"``, or ``"django.tasks"`` for a backend of ``TASKS``."""

    broker: str | None = None
    """The Redis URL of the messages, by default ``url``; with ``"django.tasks"`` the backend's alias, by default ``"default"``."""

    namespace: str = "strawberry_tasks"
    """The prefix of every key and channel."""

    default_queue: str = "default"
    """The queue of tasks that name none."""

    queues: Sequence[str] = ()
    """Further queues that ``using(queue=…)`` may name."""

    routes: Mapping[str, str] = field(default_factory=dict)
    """The queues of tasks that name none, by pattern."""

    max_retries: int = 3
    """How many attempts may follow the first one."""

    retry_delay: timedelta = timedelta(seconds=5)
    """The wait before the second attempt."""

    max_retry_delay: timedelta = timedelta(hours=1)
    """The longest wait between two attempts."""

    retry_backoff: bool = True
    """Whether the wait doubles with every further attempt."""

    timeout: timedelta | None = None
    """How long one attempt may take, before it is interrupted."""

    hard_timeout: timedelta | None = None
    """How long one attempt may take, whatever it does."""

    cancel_grace: timedelta | None = None
    """How long a sync function may go on that was told to stop."""

    expires: timedelta | None = None
    """How long a run may wait that is due."""

    lease: timedelta = timedelta(seconds=30)
    """How long after a worker's last sign of life its runs count as lost."""

    async_concurrency: int = 1000
    """How many runs of async tasks one worker process has in flight at a time."""

    result_ttl: timedelta = timedelta(days=1)
    """How long a finished run's record is kept in the store."""

    progress_interval: timedelta = timedelta(milliseconds=100)
    """Progress calls that are closer together than this are merged."""

    max_subscriptions: int = 1000
    """How many subscriptions one viewer has in a process at the most."""

    max_payload: int = 1024 * 1024
    """How many bytes the encoded arguments of a run have at the most."""

    max_result: int = 16 * 1024 * 1024
    """How many bytes what a run returns has at the most, as JSON."""

    fields: Mapping[str, str | None] = field(default_factory=dict)
    """Other names for the fields that the extension brings; ``None`` leaves one out."""

    types: Mapping[str, str] = field(default_factory=dict)
    """Other names for the types that the extension brings."""

    emit_subscriptions: bool = True
    """Whether the schema gets ``taskProgress`` and ``taskUpdated``."""

    policy: str = "strawberry_tasks.django.policy.DjangoPolicy"
    """The import path of the policy's class, which is made without arguments, or of a policy."""

    recheck: timedelta = timedelta(seconds=60)
    """How long somebody may watch before the policy is asked again who that is."""

    uploads: str = "strawberry_tasks.django.uploads.StorageUploads"
    """The import path of the class that keeps uploads, which is made without arguments, or of such an object."""

    scalar_map: str | None = None
    """The import path of a dict of custom scalars, as in `StrawberryConfig`."""

    track_in_database: bool = True
    """Whether each run has a row in the table of `TaskExecution`, and schedules are read from the one of `TaskSchedule`."""

    database: str = "default"
    """The alias of the database that has these tables."""

    retention: timedelta | None = timedelta(days=30)
    """How long the row of a finished run is kept; ``None`` is for ever."""

    enqueue_on_commit: bool = True
    """Whether messages wait for the transaction that they are enqueued in; else they go out at once."""

    outbox: bool = False
    """Whether a run that was committed, but could not be sent, is sent by the workers."""

    @classmethod
    def load(cls) -> Self:
        """Read Django's settings.

        Raises:
            ImproperlyConfigured: If there is a key that means nothing, or a value that cannot work; names it.
        """
        return cls.read(getattr(settings, SETTING, {}))

    @classmethod
    def read(cls, values: object) -> Self:
        """Read what stands in ``STRAWBERRY_TASKS``."""
        if not isinstance(values, Mapping):
            raise ImproperlyConfigured(f"{SETTING}: expected a dict, got {values!r}.")
        known = {item.name.upper(): str(item.type) for item in fields(cls)}
        for key in values:
            if key not in known:
                raise ImproperlyConfigured(f"{SETTING}: there is no {key!r}.{_hint(key, known)}")
        return cls(**{key.lower(): _value(key, known[key], value) for key, value in values.items()})

    def __post_init__(self) -> None:
        if self.outbox and not self.track_in_database:
            raise ImproperlyConfigured(f"{SETTING}: expected TRACK_IN_DATABASE beside OUTBOX, which is kept there.")
        if self.outbox and not self.enqueue_on_commit:
            raise ImproperlyConfigured(
                f"{SETTING}: expected ENQUEUE_ON_COMMIT beside OUTBOX, which is relayed after that."
            )

    @property
    def redis_urls(self) -> set[str]:
        """Where the state and our own messages are."""
        return {self.url, self.url if self.broker is None or self.tasks_alias else self.broker}

    @property
    def tasks_alias(self) -> str | None:
        """The alias of the backend of ``TASKS`` that carries the runs, ``None`` if none does."""
        return (self.broker or "default") if self.backend == "django.tasks" else None

    def options(self) -> dict[str, Any]:
        """Return the arguments of `Tasks`.

        Raises:
            ImproperlyConfigured: If an import path leads nowhere.
        """
        same = (
            "url",
            "backend",
            "broker",
            "namespace",
            "queues",
            "routes",
            "max_retries",
            "retry_delay",
            "timeout",
            "hard_timeout",
            "cancel_grace",
            "expires",
            "lease",
            "async_concurrency",
            "result_ttl",
            "progress_interval",
            "recheck",
            "max_subscriptions",
            "max_payload",
            "max_result",
            "types",
        )
        without = {} if self.emit_subscriptions else {"taskProgress": None, "taskUpdated": None}
        return {
            **{name: getattr(self, name) for name in same},
            "queue": self.default_queue,
            "max_retry_delay": self.max_retry_delay if self.retry_backoff else self.retry_delay,
            "fields": {**self.fields, **without},
            "policy": _made("POLICY", self.policy),
            "uploads": _made("UPLOADS", self.uploads),
            "scalar_map": None if self.scalar_map is None else _imported("SCALAR_MAP", self.scalar_map),
        }


def from_seconds(value: object) -> object:
    """Turn a number of seconds into a `timedelta`; anything else stays as it is."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    return value


def _value(key: str, kind: str, value: Any) -> Any:
    if kind.startswith("timedelta"):
        value = from_seconds(value)
        if not (isinstance(value, timedelta) or (value is None and "None" in kind)):
            raise ImproperlyConfigured(f"{SETTING}[{key!r}]: expected a timedelta or seconds, got {value!r}.")
    elif kind == "bool" and not isinstance(value, bool):
        raise ImproperlyConfigured(f"{SETTING}[{key!r}]: expected True or False, got {value!r}.")
    elif kind == "str" and not (isinstance(value, str) and value):
        raise ImproperlyConfigured(f"{SETTING}[{key!r}]: expected a text, got {value!r}.")
    return value


def _hint(key: object, known: Mapping[str, object]) -> str:
    near = get_close_matches(str(key).upper(), known, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" There are {', '.join(sorted(known))}."


def _imported(key: str, path: str) -> Any:
    try:
        return import_string(path)
    except (ImportError, RuntimeError) as error:  # The latter is of a model whose app is not installed.
        raise ImproperlyConfigured(f"{SETTING}[{key!r}]: expected an import path, got {path!r}: {error}") from error


def _made(key: str, path: str) -> Any:
    found = _imported(key, path)
    try:
        return found() if isinstance(found, type) else found
    except (TypeError, ConfigurationError) as error:
        raise ImproperlyConfigured(f"{SETTING}[{key!r}]: {path} cannot be made without arguments: {error}") from error
