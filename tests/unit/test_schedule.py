"""When a schedule fires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strawberry_tasks import Tasks
from strawberry_tasks.errors import ConfigurationError, TaskDeclarationError
from strawberry_tasks.schedule import PUNCTUAL, Schedule

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
"""The day before clocks are put forward in Europe."""

# Each with the days on which its clocks change in 2026.
ZONES = {
    "Europe/Paris": [(3, 29), (10, 25)],
    "America/New_York": [(3, 8), (11, 1)],
    "America/Santiago": [(4, 4), (9, 6)],
    "America/St_Johns": [(3, 8), (11, 1)],
    "Africa/Casablanca": [(2, 15), (3, 22)],
}


def schedule(**values: Any) -> Schedule:
    """Make a schedule; each minute unless said otherwise."""
    if "every" not in values:
        values.setdefault("cron", "* * * * *")
    return Schedule(**{"name": "nightly", "task": "report", **values})


def test_an_interval_fires_at_its_whole_multiples() -> None:
    """So all schedulers agree, whenever they were started."""
    fires = schedule(every=timedelta(minutes=5)).fires_after(NOON + timedelta(seconds=1))

    assert list(islice(fires, 2)) == [NOON + timedelta(minutes=5), NOON + timedelta(minutes=10)]


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("@daily", "0 0 * * *"),
        ("@Midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("0 3 * * sunday", "0 3 * * 0"),
        ("0 3 * * Monday-Friday", "0 3 * * 1-5"),
        ("0 3 * march,MAY,december Sat", "0 3 * 3,5,12 6"),
    ],
)
def test_a_cron_line_may_have_names(line: str, plain: str) -> None:
    """Nicknames, and months and weekdays in full or in three letters."""
    named, numbered = schedule(cron=line), schedule(cron=plain)

    assert list(islice(named.fires_after(NOON), 20)) == list(islice(numbered.fires_after(NOON), 20))
    assert named.due(NOON, NOON + timedelta(days=40)) == numbered.due(NOON, NOON + timedelta(days=40))
    assert named.timing == f"{line} UTC"


def test_a_cron_line_is_read_in_its_timezone() -> None:
    """Midnight in Paris is at 23:00 UTC in winter, and at 22:00 in summer."""
    fires = schedule(cron="0 0 * * *", timezone="Europe/Paris").fires_after(NOON)

    assert list(islice(fires, 2)) == [
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    ]


def test_what_the_clocks_leave_out_fires_once_all_the_same() -> None:
    """There is no 02:30 on the day that clocks are put forward, and there are two on the other one."""
    nightly = schedule(cron="30 2 * * *", timezone="Europe/Paris")

    spring = list(islice(nightly.fires_after(datetime(2026, 3, 28, 12, tzinfo=UTC)), 2))
    autumn = list(islice(nightly.fires_after(datetime(2026, 10, 24, 12, tzinfo=UTC)), 2))

    assert [fire.date().day for fire in spring] == [29, 30]
    assert [fire.date().day for fire in autumn] == [25, 26]


def walked(minutes: set[int], hours: set[int], zone: ZoneInfo, first: datetime, last: datetime) -> set[datetime]:
    """Return the fires of a period minute by minute, as a wall clock shows them."""
    found = set()
    moment = first
    while moment < last:
        local = moment.astimezone(zone)
        if local.minute in minutes and local.hour in hours:
            found.add(moment)
        moment += timedelta(minutes=1)
    return found


@settings(max_examples=25, deadline=None)
@given(
    zone=st.sampled_from(sorted(ZONES)),
    change=st.integers(0, 1),
    minute=st.integers(0, 59),
    step=st.sampled_from([1, 7, 15, 20]),
)
def test_lines_that_fire_each_hour_follow_the_wall_clock(zone: str, change: int, minute: int, step: int) -> None:
    """Two days around a change of clocks, against a walk through all minutes."""
    month, day = ZONES[zone][change]
    first = datetime(2026, month, day, tzinfo=UTC) - timedelta(days=1)
    last = first + timedelta(days=2)
    for line, minutes in ((f"{minute} * * * *", {minute}), (f"*/{step} * * * *", set(range(0, 60, step)))):
        fires = schedule(cron=line, timezone=zone).fires_after(first - timedelta(seconds=1))
        found = {fire for fire in islice(fires, 5000) if first <= fire < last}

        assert found == walked(minutes, set(range(24)), ZoneInfo(zone), first, last), line


@settings(max_examples=25, deadline=None)
@given(
    zone=st.sampled_from(sorted(ZONES)), change=st.integers(0, 1), hour=st.integers(0, 23), minute=st.integers(0, 59)
)
def test_lines_that_fire_each_day_do_so_once_a_day(zone: str, change: int, hour: int, minute: int) -> None:
    """Whatever the clocks do; at the wall clock's time, wherever that is there once."""
    month, day = ZONES[zone][change]
    first = datetime(2026, month, day, tzinfo=ZoneInfo(zone)) - timedelta(days=2)
    daily = schedule(cron=f"{minute} {hour} * * *", timezone=zone)

    fires = [fire.astimezone(ZoneInfo(zone)) for fire in islice(daily.fires_after(first - timedelta(seconds=1)), 4)]

    assert [fire.date() for fire in fires] == [(first + timedelta(days=number)).date() for number in range(4)]
    assert sum((fire.hour, fire.minute) == (hour, minute) for fire in fires) >= 3


@pytest.mark.parametrize(
    ("misfire", "missed"),
    [
        ("skip", []),
        ("once", [NOON + timedelta(minutes=9)]),
        ("all", [NOON + timedelta(minutes=n) for n in range(1, 10)]),
    ],
)
def test_missed_fires(misfire: str, missed: list[datetime]) -> None:
    """What is no more than half a minute late fires anyhow."""
    late = NOON + timedelta(minutes=10, seconds=10)

    due = schedule(misfire=misfire).due(NOON, late)

    assert due == [*missed, NOON + timedelta(minutes=10)]


@pytest.mark.parametrize("misfire", ["skip", "once", "all"])
def test_what_is_a_little_late_is_not_missed(misfire: str) -> None:
    """A scheduler that was busy for some seconds leaves nothing out."""
    every_second = schedule(every=timedelta(seconds=1), misfire=misfire)

    due = every_second.due(NOON, NOON + timedelta(seconds=5))

    assert due == [NOON + timedelta(seconds=number) for number in range(1, 6)]


def test_nothing_is_due_before_its_time() -> None:
    """Nor twice."""
    assert schedule().due(NOON, NOON + timedelta(seconds=59)) == []
    assert schedule().due(NOON + timedelta(minutes=1), NOON + timedelta(minutes=1, seconds=30)) == []


def test_once_makes_up_for_the_latest_of_a_long_time() -> None:
    """Without a walk through all the fires of a year."""
    last = NOON - timedelta(days=365)

    (due,) = schedule(cron="0 0 * * *").due(last, NOON)

    assert due == datetime(2026, 3, 28, tzinfo=UTC)
    assert due < NOON - PUNCTUAL


def test_jitter_is_the_same_for_whoever_fires() -> None:
    """And spreads the fires."""
    spread = schedule(every=timedelta(minutes=1), jitter=timedelta(seconds=30))
    delays = [spread.delay(NOON + timedelta(minutes=number)) for number in range(50)]

    assert delays == [spread.delay(NOON + timedelta(minutes=number)) for number in range(50)]
    assert all(delay is not None and timedelta(0) <= delay <= timedelta(seconds=30) for delay in delays)
    assert len(set(delays)) == 50


def test_each_fire_has_a_run_of_its_own() -> None:
    """The id tells project, schedule and time apart, and nothing else."""
    one = schedule()
    ids = {
        one.run_id("a", NOON),
        one.run_id("b", NOON),
        schedule(name="other").run_id("a", NOON),
        one.run_id("a", NOON + timedelta(minutes=1)),
    }

    assert len(ids) == 4
    assert schedule(cron="1 1 * * *").run_id("a", NOON) in ids


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cron": "0 0 * *"}, "expected five fields .* got 4"),
        ({"cron": "61 * * * *"}, r"field 1 \(minute\) of '61 \* \* \* \*' cannot be '61'"),
        ({"cron": "@often"}, "expected five fields .* or one of @yearly, .* got 1"),
        ({"cron": "0 0 * * sundays"}, r"field 5 \(day of week\) .* cannot be 'sundays'"),
        ({"cron": "0 0 * * MOO"}, r"field 5 \(day of week\) .* cannot be 'MOO'"),
        ({"cron": "0 0 31 2 *"}, "never fires"),
        ({"cron": "* * * * *", "timezone": "Mars/Olympus"}, "timezone: expected an IANA name .* got 'Mars/Olympus'"),
        ({"cron": "* * * * *", "timezone": "../etc/passwd"}, "timezone: expected an IANA name"),
        ({"cron": "* * * * *", "every": timedelta(minutes=1)}, "either cron or every"),
        ({}, "either cron or every"),
        ({"every": timedelta(milliseconds=10)}, "at least a second"),
        ({"every": 5}, r"timedelta\(seconds=5\)"),
        ({"every": timedelta(minutes=1), "misfire": "maybe"}, "misfire: expected one of skip, once, all, got 'maybe'"),
        ({"every": timedelta(minutes=1), "overlap": "no"}, "overlap: expected one of allow, skip, queue, got 'no'"),
        ({"every": timedelta(minutes=1), "jitter": timedelta(-1)}, "jitter"),
    ],
)
def test_what_cannot_be_is_refused_at_its_declaration(values: dict[str, Any], message: str) -> None:
    """And leaves no task behind."""
    tasks = Tasks("memory://")

    with pytest.raises(ConfigurationError, match=message):
        tasks.periodic(**values)


def test_parameters_without_a_default_need_values() -> None:
    """Nobody is there to give them."""
    tasks = Tasks("memory://")

    with pytest.raises(TaskDeclarationError, match=r"missing a required argument: 'day'.*args="):

        @tasks.periodic(every=timedelta(minutes=1))
        def report(day: int) -> None:
            """Report."""
