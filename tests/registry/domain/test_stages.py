"""Life-cycle stages by age and sales; unknown facts leave several phases, never a guess."""

from datetime import date
from typing import Any

import pytest

from services.registry.domain.stages import changes_on, judge_stage
from services.registry.domain.standards import version_on
from tests.registry.domain.known import DAY, WAN, facts

VERSION = version_on("stage", DAY)


@pytest.mark.parametrize(
    ("founded_on", "sales", "phase", "stage"),
    [
        (date(2021, 4, 9), 0, "seed", "cocoon"),
        (date(2021, 4, 8), 0, "start_up", "cocoon"),
        (date(2019, 4, 9), 9_000 * WAN, "start_up", "cocoon"),
        (date(2019, 4, 8), 1_999 * WAN, "incubation", "cocoon"),
        (date(2019, 4, 8), 2_000 * WAN, "growth", "butterfly"),
        (date(2016, 4, 9), 1_999 * WAN, "incubation", "cocoon"),
        (date(2016, 4, 8), 1_999 * WAN, "growth", "butterfly"),
        (date(2010, 4, 8), 9_999 * WAN, "growth", "butterfly"),
        (date(2010, 4, 8), 10_000 * WAN, "maturity", "butterfly"),
        (date(2010, 4, 9), 10_000 * WAN, "growth", "butterfly"),
    ],
)
def test_JL_03_phases_by_age_and_sales(
    founded_on: date, sales: int, phase: str, stage: str
) -> None:
    found = judge_stage(facts(founded_on=founded_on, sales=sales), VERSION, DAY)
    assert (found.phase, found.stage, found.verdict) == (phase, stage, "met")


@pytest.mark.parametrize(
    ("changed", "lost", "phase", "stage"),
    [
        ({"founded_on": date(2008, 1, 1)}, "sales", None, "butterfly"),  # growth or maturity
        ({"founded_on": date(2018, 1, 1)}, "sales", None, None),  # incubation or growth
        ({"founded_on": date(2020, 1, 1)}, "sales", "start_up", "cocoon"),
        ({"sales": 30_000 * WAN}, "founded_on", None, None),
        (
            {"founded_on": date(2023, 1, 1)},
            "sales",
            None,
            None,
        ),  # a founding day to come is no fact
    ],
)
def test_JL_03_what_facts_leave_open_stays_open(
    changed: dict[str, Any], lost: str, phase: str | None, stage: str | None
) -> None:
    found = judge_stage(facts(without=(lost,), **changed), VERSION, DAY)
    assert (found.phase, found.stage) == (phase, stage)
    assert found.verdict == ("met" if stage else "unknown")


def test_R7_a_change_on_the_last_day_of_a_quarter_leaves_the_quarter_as_it_was() -> None:
    assert changes_on(date(2022, 6, 30), first=False) == date(2022, 7, 1)
    assert changes_on(date(2022, 6, 30), first=True) == date(2022, 6, 30)
