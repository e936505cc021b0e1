"""ST-03: what a loan is, by dated definition."""

from datetime import date

import pytest

from services.credit.domain.classification import classify, months_later


@pytest.mark.parametrize(
    ("granted_on", "matures_on", "medium_long"),
    [
        (date(2022, 6, 1), date(2023, 5, 31), False),
        (date(2022, 6, 1), date(2023, 6, 1), False),
        (date(2022, 6, 1), date(2023, 6, 2), True),
        (date(2024, 2, 29), date(2025, 2, 28), False),
        (date(2024, 2, 29), date(2025, 3, 1), True),
        (date(2023, 2, 28), date(2024, 2, 28), False),
        (date(2023, 2, 28), date(2024, 2, 29), True),
        (date(2022, 12, 31), date(2023, 12, 31), False),
        (date(2022, 12, 31), date(2024, 1, 1), True),
    ],
)
def test_ST_03_one_year_is_short_and_one_day_more_is_medium_long(
    granted_on: date, matures_on: date, medium_long: bool
) -> None:
    assert classify(granted_on, matures_on, ("unsecured",)).medium_long is medium_long


@pytest.mark.parametrize(
    ("securities", "unsecured", "ip_pledged"),
    [
        (("unsecured",), True, False),
        (("unsecured", "guarantee"), False, False),
        (("mortgage",), False, False),
        (("ip_pledge",), False, True),
        (("ip_pledge", "mortgage"), False, True),
        (("pledge",), False, False),
        (("unsecured", "ip_pledge"), False, True),
    ],
)
def test_ST_03_only_a_loan_without_any_security_is_unsecured(
    securities: tuple, unsecured: bool, ip_pledged: bool
) -> None:
    classes = classify(date(2022, 6, 1), date(2022, 12, 1), securities)
    assert (classes.unsecured, classes.ip_pledged) == (unsecured, ip_pledged)
    assert classes.definition == "ST-03.1"


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2022, 1, 31), 1, date(2022, 2, 28)),
        (date(2022, 12, 15), 12, date(2023, 12, 15)),
        (date(2022, 11, 30), 1, date(2022, 12, 30)),
        (date(2022, 11, 30), 2, date(2023, 1, 30)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
    ],
)
def test_a_month_later_is_the_same_day_or_the_last(day: date, months: int, later: date) -> None:
    assert months_later(day, months) == later
