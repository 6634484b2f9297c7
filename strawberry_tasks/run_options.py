"""What may be said of one run: when it starts, its key, its tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .config import LONGEST, MAX_TAGS, MAX_WORD
from .errors import TaskInputError


def call_of(arguments: Mapping[str, Any] | tuple[Any, ...]) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments of one of several runs, in order and by name."""
    if isinstance(arguments, Mapping):
        return (), arguments
    if isinstance(arguments, tuple):
        return arguments, {}
    raise TaskInputError(f"enqueue_many(): expected a dict or a tuple of arguments for each run, got {arguments!r}.")


def expiry_of(expires: timedelta | datetime) -> timedelta | datetime:
    """Refuse an expiry that cannot be."""
    if isinstance(expires, datetime):
        if expires.tzinfo is None:
            raise TaskInputError(f"using(): expected expires with a timezone, got {expires!r}.")
    elif not timedelta(0) <= _duration("expires", expires) <= LONGEST:
        raise TaskInputError(f"using(): expected expires to be 0 to {LONGEST.days} days, got {expires!r}.")
    return expires


def patience_of(expires: timedelta | datetime | None, delay: timedelta | None) -> timedelta | None:
    """Return how long from now a run must have started."""
    if isinstance(expires, datetime):
        return max(expires - datetime.now(UTC), timedelta(0))
    return None if expires is None else expires + (delay or timedelta(0))


def check_size(task: str, arguments: str, most: int) -> None:
    """Refuse encoded arguments that are too long."""
    if len(arguments) > most:  # It is ASCII.
        raise TaskInputError(
            f"task {task!r}: expected arguments of at most {most} bytes, encoded; got {len(arguments)}."
        )


def words_of(option: str, words: Iterable[str]) -> tuple[str, ...]:
    """Refuse words that are too long or too many; return each once."""
    if isinstance(words, str):
        raise TaskInputError(f"using(): expected {option} to be a list of words, got {words!r}.")
    # In their order, each once.
    checked = tuple(dict.fromkeys(word_of(option, word) for word in words))
    if len(checked) > MAX_TAGS:
        raise TaskInputError(f"using(): expected at most {MAX_TAGS} {option}, got {len(checked)}.")
    return checked


def word_of(option: str, word: object) -> str:
    """Refuse what is no word."""
    if not isinstance(word, str) or not 0 < len(word) <= MAX_WORD:
        got = f"{len(word)} of them" if isinstance(word, str) else repr(word)
        raise TaskInputError(f"using(): expected {option} of 1 to {MAX_WORD} characters, got {got}.")
    return word


def wait_of(delay: timedelta | None, eta: datetime | None) -> timedelta | None:
    """Return how long a run waits."""
    moment: object = eta
    if moment is not None:
        if delay is not None:
            raise TaskInputError("using(): expected either delay or eta, got both.")
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise TaskInputError(
                f"using(): expected an eta with a timezone, got {moment!r}. Write eta.replace(tzinfo=…)."
            )
        delay = max(moment - datetime.now(UTC), timedelta(0))
    if delay is not None and not timedelta(0) <= _duration("delay", delay) <= LONGEST:
        raise TaskInputError(f"using(): expected a delay of 0 to {LONGEST.days} days, got {delay!r}.")
    return delay


def _duration(option: str, value: object) -> timedelta:
    if not isinstance(value, timedelta):
        hint = f" Write timedelta(seconds={value})." if isinstance(value, int | float) else ""
        raise TaskInputError(f"using(): expected {option} to be a timedelta, got {value!r}.{hint}")
    return value
