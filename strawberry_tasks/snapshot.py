"""A run's state at one version, and how it travels as flat text fields."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from .status import TaskStatus

JSON: TypeAlias = "None | bool | int | float | str | list[JSON] | dict[str, JSON]"
"""A value that JSON can hold."""

RESULT: Final = "result"
"""What a run has returned, among the fields of its record. It may be large, so that no snapshot has it."""

MAX_MESSAGE: Final = 10_000
"""How many characters of a message are kept: of a failure's, and of one that tells of progress."""

MAX_NAME: Final = 200
"""How many characters are kept of a failure's code, and of its exception's name."""

MAX_TRACEBACK: Final = 100_000
"""How many characters of a traceback are kept; its middle is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt, or the whole run, failed."""

    code: str
    """``TASK_ERROR``, ``TIMED_OUT``, ``WORKER_LOST``, ``EXPIRED``, ``REJECTED``, ``RESULT_TOO_LARGE``, or the task's own."""

    message: str
    """One line for a person; leaks nothing internal."""

    exception: str | None = None
    """The exception's class name, for those who may see internals."""

    traceback: str | None = None
    """The formatted traceback, for those who may see internals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A run's state at one version. What the run has returned is read apart from it: see `Store.result`."""

    id: str
    """The run's id; equals Dramatiq's ``message_id``."""

    name: str
    """The task's name."""

    queue: str
    """The queue that the run waits or waited in."""

    status: TaskStatus = TaskStatus.PENDING
    """Where the run stands."""

    version: int = 0
    """Rises by at least 1 with every change; 0 is before the record exists."""

    attempt: int = 0
    """The current or last attempt; 1 is the first, 0 before any."""

    max_retries: int = 0
    """How many attempts may follow the first."""

    given_back: int = 0
    """How many attempts a worker has given back, as at its shutdown; they use up no retry."""

    progress: float = 0.0
    """Percent, 0 to 100; never falls within an attempt."""

    progress_current: float | None = None
    """How many units are done, as the task reported it."""

    progress_total: float | None = None
    """How many units there are, as the task reported it."""

    progress_message: str | None = None
    """What the task is doing, in its own words."""

    failure: Failure | None = None
    """Set while RETRYING and when FAILED."""

    cancel_requested: bool = False
    """Whether somebody asked for it to stop."""

    retry_of: str | None = None
    """The run that this one repeats; ``None`` if it repeats none."""

    key: str | None = None
    """While this run is live, enqueuing its task with the same key gives this run."""

    tags: Sequence[str] = ()
    """Words to find it by."""

    priority: int = 0
    """How urgent it is in its queue; the higher, the sooner."""

    owner: str | None = None
    """Who started it, as the policy names viewers; ``None`` is nobody."""

    claims: Mapping[str, JSON] = field(default_factory=dict)
    """What the policy captured of the viewer when the run was enqueued."""

    created_at: datetime | None = None
    """When the record was made, UTC. Set on every stored run."""

    scheduled_for: datetime | None = None
    """The earliest start of the next attempt, while delayed or between retries."""

    start_by: datetime | None = None
    """The latest start of the first attempt; after that the run is FAILED with ``EXPIRED``."""

    started_at: datetime | None = None
    """When the current or last attempt started."""

    completed_at: datetime | None = None
    """When the run became terminal."""

    expires_at: datetime | None = None
    """When the record is dropped; set once the run is terminal."""

    @property
    def is_terminal(self) -> bool:
        """Whether nothing about the run will change any more."""
        return self.status.is_terminal

    @property
    def has_retry(self) -> bool:
        """Whether another attempt may follow when the present one fails."""
        return self.attempt - self.given_back <= self.max_retries

    @property
    def error(self) -> str | None:
        """The failure in one line; ``None`` unless FAILED or RETRYING."""
        return self.failure.message if self.failure else None


class Encoded(str):
    """JSON text of a value, to be stored as it is."""

    __slots__ = ()


def encoded(value: JSON) -> Encoded:
    """Return the JSON text of a value, as `to_fields` makes it."""
    return Encoded(_dump(value))


def to_fields(values: Mapping[str, Any]) -> dict[str, str]:
    """Turn snapshot attributes into text fields; ``None`` becomes the empty string. Text that is too long is cut.

    Args:
        values: Attribute names of `Snapshot`, and ``result``, and their values; any subset. A result may be `Encoded`.
    """
    return {name: "" if value is None else _CODECS[name][0](value) for name, value in values.items()}


def from_fields(texts: Mapping[str, str]) -> Snapshot:
    """Build a snapshot from text fields; unknown names are ignored, absent ones default.

    Raises:
        ValueError: If a field has another form than `to_fields` gives it, or the run has no name, queue or id; names the field.
    """
    try:
        return Snapshot(**{name: _DECODERS[name](text) for name, text in texts.items() if text and name in _DECODERS})
    except _UNDECODABLE as error:
        legible = legible_fields(texts)
        bad = [name for name, text in texts.items() if text and name in _DECODERS and name not in legible]
        bad += [name for name in ("id", "name", "queue") if not texts.get(name)]
        raise ValueError(f"{', '.join(bad)}: {error}") from error


def legible_fields(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the attributes that can be read from text fields, some of which may be damaged."""
    legible: dict[str, Any] = {}
    for name, text in texts.items():
        if text and name in _DECODERS:
            with contextlib.suppress(*_UNDECODABLE):
                legible[name] = _DECODERS[name](text)
    return legible


def result_of(text: str | None) -> str | None:
    """Return the JSON text of a record's ``result``; ``None`` if it has none."""
    return "null" if text == "" else text


def to_millis(moment: datetime) -> int:
    """Return the milliseconds since the epoch of an aware ``datetime``."""
    return round(moment.timestamp() * 1000)


def from_millis(millis: int) -> datetime:
    """Return the UTC ``datetime`` of so many milliseconds since the epoch."""
    return datetime.fromtimestamp(millis / 1000, UTC)


# `json.dumps` makes one for each call, which takes longer than encoding most values.
_dump = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def bounded(failure: Failure) -> Failure:
    """Return a failure whose texts are as long as they may be at the most."""
    return Failure(
        code=_cut(failure.code, MAX_NAME),
        message=_cut(failure.message, MAX_MESSAGE),
        exception=failure.exception and _cut(failure.exception, MAX_NAME),
        traceback=failure.traceback and _cut_out(failure.traceback, MAX_TRACEBACK),
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _cut_out(text: str, most: int) -> str:
    """Shorten a traceback in its middle: it begins with where the failure came from, and ends with what it was."""
    if len(text) <= most:
        return text
    half = (most - 100) // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters are left out …\n{text[-half:]}"


def _dump_result(value: JSON | Encoded) -> str:
    return value if isinstance(value, Encoded) else _dump(value)


def _dump_message(message: str) -> str:
    return _cut(message, MAX_MESSAGE)


def _refuse(constant: str) -> JSON:
    raise ValueError(f"expected JSON, got {constant}")


load_json = json.JSONDecoder(parse_constant=_refuse).decode
"""Decodes JSON, and no more than that: none of the numbers that Python adds."""


def _dump_failure(failure: Failure) -> str:
    kept = bounded(failure)
    return _dump([kept.code, kept.message, kept.exception, kept.traceback])


def _load_failure(text: str) -> Failure:
    code, message, exception, traceback = load_json(text)
    if not (isinstance(code, str) and isinstance(message, str) and {type(exception), type(traceback)} <= _TEXT_OR_NONE):
        raise ValueError("expected the four texts of a failure")
    return Failure(code=code, message=message, exception=exception, traceback=traceback)


def _dump_words(words: Sequence[str]) -> str:
    return _dump(list(words)) if words else ""


def _load_words(text: str) -> tuple[str, ...]:
    words = load_json(text)
    if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise ValueError("expected a list of texts")
    return tuple(words)


def _load_object(text: str) -> dict[str, JSON]:
    values = load_json(text)
    if not isinstance(values, dict):
        raise ValueError("expected an object")
    return values


def _load_int(text: str) -> int:
    number = int(text)
    # GraphQL's Int holds no more, and nothing counts as far.
    if not -_MOST <= number <= _MOST:
        raise ValueError("expected a number of 32 bits")
    return number


def _load_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("expected a finite number")
    return number


def _load_moment(text: str) -> datetime:
    return from_millis(int(text))


def _dump_moment(moment: datetime) -> str:
    return str(to_millis(moment))


_MOST: Final = 2**31 - 1
_TEXT_OR_NONE: Final = {str, type(None)}
_UNDECODABLE: Final = (ValueError, TypeError, OverflowError, OSError, RecursionError)

_Codec: TypeAlias = "tuple[Callable[[Any], str], Callable[[str], Any]]"
_TEXT: Final[_Codec] = (str, str)
_INT: Final[_Codec] = (str, _load_int)
_FLOAT: Final[_Codec] = (repr, _load_float)
_MOMENT: Final[_Codec] = (_dump_moment, _load_moment)
_JSON: Final[_Codec] = (_dump, load_json)

_CODECS: Final[dict[str, _Codec]] = {
    "id": _TEXT,
    "name": _TEXT,
    "queue": _TEXT,
    "status": (str, TaskStatus),
    "version": _INT,
    "attempt": _INT,
    "max_retries": _INT,
    "given_back": _INT,
    "progress": _FLOAT,
    "progress_current": _FLOAT,
    "progress_total": _FLOAT,
    "progress_message": (_dump_message, str),
    RESULT: (_dump_result, json.loads),
    "failure": (_dump_failure, _load_failure),
    "cancel_requested": (lambda value: "1" if value else "", bool),
    "retry_of": _TEXT,
    "key": _TEXT,
    "tags": (_dump_words, _load_words),
    "priority": _INT,
    "owner": _TEXT,
    "claims": (_dump, _load_object),
    "created_at": _MOMENT,
    "scheduled_for": _MOMENT,
    "start_by": _MOMENT,
    "started_at": _MOMENT,
    "completed_at": _MOMENT,
    "expires_at": _MOMENT,
}
_DECODERS: Final = {name: decode for name, (_, decode) in _CODECS.items() if name != RESULT}
