"""Cron fires against a walk through every minute, over changes of the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from strawberry_tasks.schedule import Schedule

MINUTE = timedelta(minutes=1)

CHANGES = {
    "Europe/London": ["2026-03-29T01:00", "2026-10-25T01:00"],
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
    "America/Havana": ["2026-03-08T05:00", "2026-11-01T05:00"],
    "Atlantic/Azores": ["2026-03-29T01:00", "2026-10-25T01:00"],
    "Pacific/Auckland": ["2026-04-04T14:00", "2026-09-26T14:00"],
}
"""When clocks change, UTC."""


def wildcards(most: int, steps: list[int]) -> st.SearchStrategy[str]:
    return st.one_of(st.just("*"), st.sampled_from(steps).map("*/{}".format))


def lists(most: int) -> st.SearchStrategy[str]:
    numbers = st.lists(st.integers(0, most), min_size=1, max_size=3)
    return numbers.map(lambda chosen: ",".join(str(number) for number in chosen))


minutes = wildcards(59, [7, 15, 20, 30]) | lists(59)
hours = wildcards(23, [2, 3, 6]) | lists(4)
moments = st.sampled_from([(zone, change) for zone, changes in CHANGES.items() for change in changes])


def allowed(field: str, size: int) -> Callable[[int], bool]:
    if field.startswith("*"):
        step = int(field[2:] or 1)
        return lambda value: value % step == 0
    chosen = {int(number) for number in field.split(",")}
    return lambda value: value in chosen


def walk(minute: str, hour: str, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the fires in (start, end]: a wildcard follows the clock, a fixed time comes once a day, late if it is left out."""
    fits_minute, fits_hour = allowed(minute, 60), allowed(hour, 24)
    is_fixed = not minute.startswith("*") and not hour.startswith("*")
    moment = start
    while (moment := moment + MINUTE) <= end:
        local = moment.astimezone(zone)
        clock = [local.replace(tzinfo=None, fold=0)]
        if is_fixed:
            if local.fold:
                continue
            # What the clock has left out counts as this minute.
            before = (moment - MINUTE).astimezone(zone).replace(tzinfo=None, fold=0)
            while clock[-1] - before > MINUTE:
                clock.append(clock[-1] - MINUTE)
        if any(fits_hour(face.hour) and fits_minute(face.minute) for face in clock):
            yield moment


@given(moment=moments, minute=minutes, hour=hours, offset=st.integers(-300, 300))
@example(moment=("Europe/London", "2026-10-25T01:00"), minute="30", hour="1", offset=10)
@example(moment=("Europe/London", "2026-03-29T01:00"), minute="30", hour="1", offset=-5)
@settings(max_examples=400, deadline=None)
def test_fires_are_those_of_a_walk_through_every_minute(
    moment: tuple[str, str], minute: str, hour: str, offset: int
) -> None:
    """Whatever the line, and wherever one begins: it fires as a walk through every minute says, in five zones whose clocks change."""
    zone, change = moment
    start = datetime.fromisoformat(change).replace(tzinfo=UTC) + offset * MINUTE
    end = start + timedelta(hours=30)
    schedule = Schedule(name="probe", task="probe", cron=f"{minute} {hour} * * *", timezone=zone)

    fires = []
    for fire in schedule.fires_after(start):
        if fire > end:
            break
        fires.append(fire)

    assert fires == list(walk(minute, hour, ZoneInfo(zone), start, end))


@given(moment=moments, minute=minutes, hour=hours, offset=st.integers(-300, 300))
@settings(max_examples=200, deadline=None)
def test_going_on_from_each_fire_is_going_on_from_the_first(
    moment: tuple[str, str], minute: str, hour: str, offset: int
) -> None:
    """A scheduler that asks anew after each fire sees the fires that one sees that asked once, in rising order."""
    zone, change = moment
    start = datetime.fromisoformat(change).replace(tzinfo=UTC) + offset * MINUTE
    schedule = Schedule(name="probe", task="probe", cron=f"{minute} {hour} * * *", timezone=zone)
    fires = schedule.fires_after(start)
    once = [next(fires) for _ in range(12)]

    anew = [start]
    for _ in range(12):
        following = schedule.next_fire(anew[-1])
        assert following is not None
        anew.append(following)

    assert anew[1:] == once
    assert all(earlier < later for earlier, later in pairwise(anew))


@pytest.mark.parametrize("now", ["2026-10-25T01:10", "2026-10-25T01:30"])
def test_next_fire_is_in_the_future_while_an_hour_is_repeated(now: str) -> None:
    """A daily fire that the first of two equal hours has had comes again the next day, and not in the past."""
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    schedule = Schedule(name="probe", task="probe", cron="30 1 * * *", timezone="Europe/London")

    following = schedule.next_fire(moment)

    assert following == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
