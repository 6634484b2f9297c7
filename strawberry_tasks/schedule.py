"""When a schedule fires: cron lines and intervals, and what becomes of fires that were missed. Does no I/O."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, islice
from typing import Final, Literal, get_args
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from .config import check_duration, check_name
from .errors import ConfigurationError
from .snapshot import JSON, to_millis

Misfire = Literal["skip", "once", "all"]
"""What becomes of fires that are more than `PUNCTUAL` late: nothing; the last of them fires; each of them fires."""

Overlap = Literal["allow", "skip", "queue"]
"""What becomes of a fire while a run of an earlier one is live: it runs beside it; nothing; it waits for its end."""

PUNCTUAL: Final = timedelta(seconds=30)
"""How late a fire may be without counting as missed."""

MOST_FIRES: Final = 1000
"""How many fires of one schedule are made up for at a time."""

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_FIRES: Final = UUID("5f3f4d0a-6c06-4b0e-8d5c-0a6a6f0f9f6e")
_FIELDS: Final = ("minute", "hour", "day of month", "month", "day of week")
_NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LONG_NAMES: Final = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Fires a task again and again."""

    name: str
    """Its own name; by default the task's."""

    task: str
    """The task's name."""

    cron: str | None = None
    """Five fields: minute, hour, day of month, month, day of week; read in ``timezone``. Or a nickname such as ``@daily``."""

    every: timedelta | None = None
    """Instead of ``cron``: fires at the whole multiples of it since 1970, UTC, so that all schedulers agree. At least 1 second."""

    timezone: str = "UTC"
    """Where the clock of ``cron`` hangs, as IANA names it."""

    misfire: Misfire = "once"
    """What becomes of fires that were missed."""

    overlap: Overlap = "allow"
    """What becomes of a fire while an earlier one goes on."""

    jitter: timedelta = timedelta(0)
    """How long a run waits at the most after its fire; the same time for the same fire."""

    arguments: Mapping[str, JSON] = field(default_factory=dict)
    """The task's arguments, as JSON."""

    key: str = ""
    """What its fires are known by; by default its name, which must stay the same then."""

    after: datetime | None = None
    """It does not make up for fires at this moment or before."""

    is_paused: bool = False
    """Whether its source keeps it from firing."""

    def __post_init__(self) -> None:
        check_name("name", self.name)
        if (self.cron is None) == (self.every is None):
            raise ConfigurationError(f"schedule {self.name!r}: expected either cron or every, got both or none.")
        if self.every is not None:
            check_duration("every", self.every)
            if self.every < timedelta(seconds=1):
                raise ConfigurationError(f"every: expected at least a second, got {self.every!r}.")
        check_duration("jitter", self.jitter, zero=True)
        _check_choice("misfire", self.misfire, get_args(Misfire))
        _check_choice("overlap", self.overlap, get_args(Overlap))
        zone = _zone(self.timezone)
        if self.cron is not None:
            _check_cron(self.cron, zone)

    @property
    def identity(self) -> str:
        """What its fires are known by."""
        return self.key or self.name

    @property
    def timing(self) -> str:
        """When it fires, for people."""
        return f"{self.cron} {self.timezone}" if self.cron is not None else f"every {self.every}"

    def fires_after(self, moment: datetime) -> Iterator[datetime]:
        """Return the times of its fires after a moment, in UTC, without an end unless the cron line has one."""
        if self.every is not None:
            return _multiples(self.every, moment)
        zone = _zone(self.timezone)
        fires = (fire.astimezone(UTC) for fire in CronSim(_plain(str(self.cron)), moment.astimezone(zone)))
        # While an hour is repeated, cronsim takes the second one for the first, and begins with what is past.
        return dropwhile(lambda fire: fire <= moment, fires)

    def next_fire(self, moment: datetime) -> datetime | None:
        """Return its first fire after a moment."""
        return next(self.fires_after(moment), None)

    def due(self, last: datetime, now: datetime) -> list[datetime]:
        """Return the fires to make now, in their order, at most `MOST_FIRES`.

        Args:
            last: Its last fire, or when it was first seen.
            now: This moment.
        """
        last = last if self.after is None else max(last, self.after)
        if self.misfire == "all":
            return list(islice(self._until(last, now), MOST_FIRES))
        recent = now - PUNCTUAL
        punctual = list(islice(self._until(max(last, recent), now), MOST_FIRES))
        if self.misfire == "skip" or last >= recent:
            return punctual
        missed = self._latest(last, recent)
        return punctual if missed is None else [missed, *punctual]

    def run_id(self, namespace: str, fire: datetime) -> str:
        """Return the id of the run of a fire; it is the same whoever makes it."""
        return str(uuid5(_FIRES, f"{namespace}/{self.identity}/{to_millis(fire)}"))

    def delay(self, fire: datetime) -> timedelta | None:
        """Return how long the run of a fire waits."""
        if not self.jitter:
            return None
        digest = hashlib.sha256(f"{self.identity}/{to_millis(fire)}".encode()).digest()
        return self.jitter * (int.from_bytes(digest[:6], "big") / 2**48)

    def _until(self, last: datetime, now: datetime) -> Iterator[datetime]:
        for fire in self.fires_after(last):
            if fire > now:
                return
            yield fire

    def _latest(self, last: datetime, until: datetime) -> datetime | None:
        """Return its last fire in a period, without walking through all of them."""
        if self.every is not None:
            latest = _EPOCH + (until - _EPOCH) // self.every * self.every
        else:
            local = (until + timedelta(seconds=1)).astimezone(_zone(self.timezone))
            found = next(CronSim(_plain(str(self.cron)), local, reverse=True), None)
            if found is None:
                return None
            latest = found.astimezone(UTC)
        return latest if last < latest <= until else None


def _multiples(every: timedelta, moment: datetime) -> Iterator[datetime]:
    number = (moment - _EPOCH) // every
    while True:
        number += 1
        yield _EPOCH + number * every


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError) as error:  # Some names lead out of the database, or to its directories.
        raise ConfigurationError(f"timezone: expected an IANA name such as 'Europe/Paris', got {name!r}.") from error


def _check_choice(setting: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigurationError(f"{setting}: expected one of {', '.join(choices)}, got {value!r}.")


def _plain(line: str) -> str:
    """Spell a cron line as cronsim reads it: without nicknames, and with months and weekdays in three letters."""
    return _NICKNAMES.get(line.strip().lower()) or re.sub("[a-zA-Z]+", _shortened, line)


def _shortened(word: re.Match[str]) -> str:
    return word[0][:3] if word[0].lower() in _LONG_NAMES else word[0]


def _check_cron(line: object, zone: ZoneInfo) -> None:
    """Refuse what is no cron line, and tell which field is wrong."""
    words = _plain(line).split() if isinstance(line, str) else []
    if len(words) != len(_FIELDS):
        raise ConfigurationError(
            f"cron: expected five fields ({', '.join(_FIELDS)}) or one of {', '.join(_NICKNAMES)}, got {len(words)} in {line!r}."
        )
    now = datetime.now(zone)
    for position, (name, word) in enumerate(zip(_FIELDS, words, strict=True)):
        alone = ["*"] * len(_FIELDS)
        alone[position] = word
        try:
            CronSim(" ".join(alone), now)
        except CronSimError as error:
            raise ConfigurationError(f"cron: field {position + 1} ({name}) of {line!r} cannot be {word!r}.") from error
    try:
        next(CronSim(" ".join(words), now))
    except (CronSimError, StopIteration) as error:
        raise ConfigurationError(f"cron: {line!r} never fires.") from error
