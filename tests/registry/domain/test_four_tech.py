"""The four-tech standard: each criterion at, below and above its limit, and unknown."""

from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest

from services.registry.domain.facts import Right
from services.registry.domain.four_tech import judge_four_tech
from services.registry.domain.rights import is_high_value
from services.registry.domain.standards import version_on
from services.registry.domain.verdicts import Criterion, Judgement
from tests.registry.domain.known import DAY, facts

VERSION = version_on("four_tech", DAY)
MAKER, SOFTWARE = "35", "65"


def judged(industry: str | None = MAKER, **changed: Any) -> Judgement:
    return judge_four_tech(facts(**changed), VERSION, DAY, industry)


def criterion(judgement: Judgement, key: str) -> Criterion:
    return next(each for each in judgement.criteria if each.key == key)


def patent(number: int, **other: Any) -> Right:
    """A valid patent of a strategic industry, used in the main product."""
    return Right(
        **{
            "kind": "invention_patent",
            "number": f"P{number}",
            "held_since": date(2018, 1, 1),
            "valid_until": date(2030, 1, 1),
            "main_product": True,
            "strategic_industry": True,
        }
        | other
    )


def test_R6_a_manufacturer_with_30_per_cent_5_patents_and_6_per_cent_passes() -> None:
    found = judged(staff=100, rd_staff=30, rd=6, sales=100, rights=tuple(map(patent, range(5))))
    assert found.verdict == "met"
    assert [each.verdict for each in found.criteria] == ["met"] * 4


def test_R6_four_patents_fail_and_it_says_so() -> None:
    found = judged(rights=tuple(map(patent, range(4))))
    assert found.verdict == "not_met"
    patents = criterion(found, "JL-01.patents")
    assert (patents.verdict, patents.points) == ("not_met", (4, 4))
    assert VERSION.titles[patents.key] == "高价值发明专利不少于5件"


@pytest.mark.parametrize(
    ("industry", "staff", "verdict"),
    [
        (SOFTWARE, 600, "met"), (SOFTWARE, 599, "not_met"), (SOFTWARE, 601, "met"),
        (MAKER, 300, "met"), (MAKER, 299, "not_met"), (MAKER, 301, "met"),
        (None, 600, "met"), (None, 599, "unknown"), (None, 300, "unknown"), (None, 299, "not_met"),
    ],
)  # fmt: skip
def test_JL_01_staff_by_industry(industry: str | None, staff: int, verdict: str) -> None:
    found = criterion(judged(industry, staff=1_000, rd_staff=staff), "JL-01.staff")
    assert found.verdict == verdict
    assert (found.note == "industry_unknown") == (verdict == "unknown")


@pytest.mark.parametrize(("rd", "verdict"), [(6_000, "met"), (6_001, "met"), (5_999, "not_met")])
def test_JL_01_research_intensity(rd: int, verdict: str) -> None:
    assert criterion(judged(rd=rd, sales=100_000), "JL-01.rd").verdict == verdict


@pytest.mark.parametrize("lost", ["rd", "sales"])
def test_JL_01_unknown_figures_stay_unknown(lost: str) -> None:
    found = criterion(judged(without=(lost,)), "JL-01.rd")
    assert (found.verdict, found.asked) == ("unknown", ("rd", "sales"))


def test_JL_01_no_sales_is_no_intensity() -> None:
    found = criterion(judged(rd=0, sales=0), "JL-01.rd")
    assert (found.verdict, found.note) == ("not_met", "no_denominator")


@pytest.mark.parametrize(("count", "verdict"), [(4, "not_met"), (5, "met"), (6, "met")])
def test_JL_01_patents_by_a_stated_count(count: int, verdict: str) -> None:
    assert criterion(judged(high_value_patents=count), "JL-01.patents").verdict == verdict


def test_JL_01_without_patents_stated_it_is_unknown() -> None:
    found = judged(without=("high_value_patents", "core_right_in_product"))
    assert criterion(found, "JL-01.patents").verdict == "unknown"
    assert criterion(found, "JL-01.core").verdict == "unknown"


BARE = {"strategic_industry": False, "family_abroad": False, "pledged_fen": 0, "awarded": False}


@pytest.mark.parametrize(
    ("other", "high"),
    [
        ({}, False),
        ({"strategic_industry": True}, True),
        ({"family_abroad": True}, True),
        ({"awarded": True}, True),
        ({"held_since": date(2012, 4, 8)}, False),  # the tenth anniversary: not more than ten
        ({"held_since": date(2012, 4, 7)}, True),
        ({"held_since": date(2012, 4, 9)}, False),
        ({"pledged_fen": 500_000_000}, True),
        ({"pledged_fen": 499_999_999}, False),
        ({"pledged_fen": None}, None),
        ({"awarded": None}, None),
        ({"awarded": None, "family_abroad": True}, True),
        ({"held_since": None}, None),
        ({"family_abroad": True, "valid_until": None}, None),
        ({"family_abroad": True, "valid_until": date(2022, 4, 7)}, False),
        ({"family_abroad": True, "valid_until": date(2022, 4, 8)}, True),
        ({"family_abroad": True, "kind": "utility_model"}, False),
    ],
)
def test_JL_02_five_kinds_of_high_value(other: dict[str, Any], high: bool | None) -> None:
    assert is_high_value(patent(1, **BARE | other), VERSION, DAY) is high


def test_JL_01_core_needs_a_high_value_right_in_the_main_product() -> None:
    elsewhere = tuple(patent(n, main_product=False) for n in range(5))
    found = judged(rights=elsewhere)
    assert criterion(found, "JL-01.core").verdict == "not_met"
    assert criterion(found, "JL-01.patents").verdict == "met"
    maybe = (*elsewhere[:4], patent(9, main_product=None))
    assert criterion(judged(rights=maybe), "JL-01.core").verdict == "unknown"


def test_JL_01_patents_that_may_count_leave_it_open_and_asked_for() -> None:
    maybe = (*map(patent, range(4)), patent(5, **BARE | {"awarded": None}))
    found = criterion(judged(rights=maybe), "JL-01.patents")
    assert (found.verdict, found.points, found.asked) == ("unknown", (4, 5), ("rights",))
    assert found.note == "rights_open"


def test_JL_02_the_high_amount_is_data() -> None:
    other = replace(VERSION, limits=VERSION.limits | {"high_pledge_yuan": 1})
    right = patent(1, **BARE | {"pledged_fen": 100})
    assert is_high_value(right, VERSION, DAY) is False
    assert is_high_value(right, other, DAY) is True


def test_JL_02_rights_survive_the_wire() -> None:
    rights = (patent(1), patent(2, main_product=None))
    raw = msgspec.json.encode(rights)
    assert msgspec.json.decode(raw, type=tuple[Right, ...]) == rights
