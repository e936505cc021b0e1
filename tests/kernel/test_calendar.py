"""Working days (JL-22)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.calendar import CalendarGap, WorkCalendar, packaged

CALENDAR = packaged()
DAYS = st.dates(min_value=date(2021, 1, 1), max_value=date(2026, 9, 30))


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2022, 4, 1), True),
        (date(2022, 4, 2), True),  # a Saturday worked for the Qingming holiday
        (date(2022, 4, 4), False),
        (date(2022, 10, 7), False),
        (date(2022, 10, 8), True),
        (date(2022, 7, 2), False),
        (date(2026, 10, 10), True),
    ],
)
def test_JL_22_holidays_and_worked_weekends_are_known(day: date, worked: bool) -> None:
    assert CALENDAR.is_working_day(day) is worked


def test_JL_22_five_working_days_across_the_autumn_holiday() -> None:
    assert CALENDAR.add_working_days(date(2026, 9, 29), 5) == date(2026, 10, 12)


def test_JL_22_the_day_of_submission_never_counts() -> None:
    friday = date(2022, 7, 1)
    assert CALENDAR.add_working_days(friday, 0) == friday
    assert CALENDAR.add_working_days(friday, 1) == date(2022, 7, 4)


@given(DAYS, st.integers(min_value=0, max_value=20))
def test_JL_22_adding_and_counting_working_days_agree(day: date, days: int) -> None:
    due_on = CALENDAR.add_working_days(day, days)
    assert CALENDAR.working_days_between(day, due_on) == days
    assert days == 0 or CALENDAR.is_working_day(due_on)


def test_JL_22_nothing_remains_when_the_due_day_has_passed() -> None:
    assert CALENDAR.working_days_between(date(2022, 7, 5), date(2022, 7, 1)) == 0


def test_JL_22_past_the_published_years_the_calendar_says_it_does_not_know() -> None:
    with pytest.raises(CalendarGap) as gap:
        CALENDAR.add_working_days(date(2026, 12, 30), 5)
    assert gap.value.code == "calendar.gap"
    assert gap.value.day == date(2027, 1, 1)
    with pytest.raises(CalendarGap):
        CALENDAR.is_working_day(date(2020, 12, 31))


def test_JL_22_a_new_year_can_be_added() -> None:
    longer = CALENDAR.extended(date(2027, 12, 31), {date(2027, 1, 1): False})
    assert longer.next_working_day(date(2026, 12, 31)) == date(2027, 1, 4)
    assert CALENDAR.last_on == date(2026, 12, 31)


def test_JL_22_working_days_are_counted_forward_only() -> None:
    with pytest.raises(ValueError, match="forward"):
        CALENDAR.add_working_days(date(2022, 7, 1), -1)


def test_JL_22_a_calendar_where_nobody_works_ends_in_a_gap_not_in_a_loop() -> None:
    start = date(2022, 1, 1)
    idle = {start + timedelta(days=n): False for n in range(31)}
    with pytest.raises(CalendarGap):
        WorkCalendar(start, date(2022, 1, 31), idle).next_working_day(start)
