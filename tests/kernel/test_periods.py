"""Days, months and quarters of the province (ST-05)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.errors import BadInput
from shared.kernel.periods import Month, Quarter, end_of_day, shanghai, start_of_day

DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31))


def test_ST_05_an_evening_in_utc_is_already_the_next_day_in_shanghai() -> None:
    assert shanghai(datetime(2022, 9, 30, 15, 59, 59, tzinfo=UTC)) == date(2022, 9, 30)
    assert shanghai(datetime(2022, 9, 30, 16, 0, tzinfo=UTC)) == date(2022, 10, 1)


def test_ST_05_an_instant_without_a_zone_has_no_day() -> None:
    with pytest.raises(ValueError, match="zone"):
        shanghai(datetime(2022, 9, 30))


@given(DAYS)
def test_ST_05_a_day_ends_one_microsecond_before_the_next_begins(day: date) -> None:
    assert end_of_day(day) + timedelta(microseconds=1) == start_of_day(day + timedelta(days=1))
    assert shanghai(end_of_day(day)) == shanghai(start_of_day(day)) == day


@given(DAYS)
def test_JS_22_every_day_lies_in_exactly_its_quarter(day: date) -> None:
    quarter = Quarter.of(day)
    assert day in quarter
    assert day not in quarter.next()
    assert day not in quarter.previous()
    assert Quarter.parse(str(quarter)) == quarter
    assert quarter.previous() < quarter < quarter.next()


@given(DAYS)
def test_JS_22_quarters_and_months_follow_each_other_without_a_gap(day: date) -> None:
    quarter, month = Quarter.of(day), Month.of(day)
    assert quarter.next().first_on - quarter.last_on == timedelta(days=1)
    assert quarter.previous().next() == quarter
    assert month.next().first_on - month.last_on == timedelta(days=1)
    assert day in month
    assert month in quarter.months
    assert Month.parse(str(month)) == month
    assert month.quarter == quarter


@pytest.mark.parametrize(
    ("text", "first_on", "last_on"),
    [
        ("2022Q1", date(2022, 1, 1), date(2022, 3, 31)),
        ("2022Q3", date(2022, 7, 1), date(2022, 9, 30)),
        ("2024Q4", date(2024, 10, 1), date(2024, 12, 31)),
    ],
)
def test_JS_22_the_bounds_of_a_quarter(text: str, first_on: date, last_on: date) -> None:
    quarter = Quarter.parse(text)
    assert (quarter.first_on, quarter.last_on) == (first_on, last_on)
    assert quarter.year_first_on == date(quarter.year, 1, 1)


@pytest.mark.parametrize(
    "text", ["2022Q5", "2022q1", "22Q1", "2022-1", "", "2022Q1 ", "２０２２Q1"]
)
def test_JS_22_a_quarter_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"period\.quarter_format"):
        Quarter.parse(text)


@pytest.mark.parametrize("text", ["2022-13", "2022-7", "2022-00", "202207"])
def test_a_month_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"period\.month_format"):
        Month.parse(text)


def test_there_is_no_fifth_quarter_and_no_month_zero() -> None:
    with pytest.raises(ValueError, match="no quarter 5"):
        Quarter(2022, 5)
    with pytest.raises(ValueError, match="no month 0"):
        Month(2022, 0)
