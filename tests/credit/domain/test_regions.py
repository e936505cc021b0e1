"""ST-07: where an enterprise stood on a day."""

from datetime import date

import pytest

from services.credit.domain.regions import region_on

SLICES = [(date(2021, 12, 31), "320583"), (date(2022, 7, 1), "320102")]


@pytest.mark.parametrize(
    ("on", "code"),
    [
        (date(2020, 1, 1), "320583"),
        (date(2022, 6, 30), "320583"),
        (date(2022, 7, 1), "320102"),
        (date(2023, 1, 1), "320102"),
    ],
)
def test_ST_07_a_flow_lies_where_the_enterprise_stood_that_day(on: date, code: str) -> None:
    assert region_on(SLICES, on) == code


def test_an_enterprise_without_any_region_is_an_error() -> None:
    with pytest.raises(LookupError):
        region_on([], date(2022, 1, 1))
