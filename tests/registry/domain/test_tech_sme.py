"""Every band and limit of the tech-SME evaluation: at it, below, above, and unknown."""

from datetime import date
from typing import Any

import pytest

from services.registry.domain.facts import Facts, Right, Sheet
from services.registry.domain.standards import version_on
from services.registry.domain.tech_sme import judge_tech_sme
from services.registry.domain.verdicts import Criterion, Judgement
from shared.kernel.errors import BadInput
from tests.registry.domain.known import AS_OF, DAY, GOOD, WAN, facts

VERSION = version_on("tech_sme", DAY)


def judged(known: Facts, day: date = DAY) -> Judgement:
    return judge_tech_sme(known, VERSION, day)


def criterion(judgement: Judgement, key: str) -> Criterion:
    return next(each for each in judgement.criteria if each.key == key)


@pytest.mark.parametrize(
    ("key", "name", "at"),
    [
        ("TS-01.staff", "staff", 500),
        ("TS-01.sales", "sales", 20_000 * WAN),
        ("TS-01.assets", "assets", 20_000 * WAN),
    ],
)
def test_TS_01_a_limit_of_size_includes_its_own_figure(key: str, name: str, at: int) -> None:
    for value, verdict in ((at - 1, "met"), (at, "met"), (at + 1, "not_met")):
        found = judged(facts(**{name: value}))
        assert criterion(found, key).verdict == verdict
        assert criterion(found, key).facts[0].value == value
    unknown = criterion(judged(facts(without=(name,))), key)
    assert (unknown.verdict, unknown.asked) == ("unknown", (name,))


@pytest.mark.parametrize(("said", "verdict"), [(True, "met"), (False, "not_met")])
def test_TS_01_only_residents(said: bool, verdict: str) -> None:
    assert judged(facts(resident=said)).verdict == verdict
    assert judged(facts(without=("resident",))).verdict == "unknown"


@pytest.mark.parametrize(
    "name",
    [
        "barred_products",
        "serious_accident",
        "environmental_offence",
        "research_misconduct",
        "abnormal_listing",
    ],
)
def test_TS_02_TS_03_one_exclusion_is_enough_and_silence_is_none(name: str) -> None:
    assert judged(facts(**{name: True})).verdict == "not_met"
    assert judged(facts(**{name: False})).verdict == "met"
    assert judged(facts(without=(name,))).verdict == "unknown"


@pytest.mark.parametrize(
    ("as_of", "said", "verdict"),
    [
        (date(2022, 1, 1), False, "met"),
        (date(2021, 12, 31), False, "unknown"),  # says nothing of this year
        (date(2021, 1, 1), True, "not_met"),
        (date(2020, 12, 31), True, "unknown"),  # before the two years that matter
    ],
)
def test_TS_03_covers_the_year_of_filing_and_the_one_before(
    as_of: date, said: bool, verdict: str
) -> None:
    known = [
        Sheet(AS_OF, "filing", {n: v for n, v in GOOD.items() if n != "serious_accident"}),
        Sheet(as_of, "court", {"serious_accident": said}),
    ]
    known.sort(key=lambda sheet: sheet.as_of, reverse=True)
    assert criterion(judged(Facts(known)), "TS-03.accident").verdict == verdict


STAFF_BANDS = [(30, 20, 16), (25, 16, 12), (20, 12, 8), (15, 8, 4), (10, 4, 0)]


@pytest.mark.parametrize(("percent", "points", "below"), STAFF_BANDS)
def test_TS_04_staff_bands_begin_at_their_per_cent(percent: int, points: int, below: int) -> None:
    # 1,000 of staff are too many for TS-01, which the points do not know of.
    for rd_staff, expected in (
        (percent * 10, points),
        (percent * 10 + 1, points),
        (percent * 10 - 1, below),
    ):
        found = criterion(judged(facts(staff=1_000, rd_staff=rd_staff)), "TS-04.staff")
        assert found.points == (expected, expected)


SALES_BANDS = [(6, 50, 40), (5, 40, 30), (4, 30, 20), (3, 20, 10), (2, 10, 0)]
COST_BANDS = [(30, 50, 40), (25, 40, 30), (20, 30, 20), (15, 20, 10), (10, 10, 0)]


@pytest.mark.parametrize(
    ("whole", "other", "percent", "points", "below"),
    [("sales", "cost", *band) for band in SALES_BANDS]
    + [("cost", "sales", *band) for band in COST_BANDS],
)
def test_TS_04_research_bands_to_the_fen(
    whole: str, other: str, percent: int, points: int, below: int
) -> None:
    total = 1_000_003 * 100  # of fen, so that a per cent is a whole number of them
    exact = 1_000_003 * percent
    for rd, expected in ((exact, points), (exact + 1, points), (exact - 1, below)):
        known = facts(rd=rd, **{whole: total, other: 10**13})
        assert criterion(judged(known), "TS-04.rd").points == (expected, expected)


def test_R5_599_is_40_points_and_600_is_50() -> None:
    assert criterion(judged(facts(rd=599, sales=10_000, cost=10**9)), "TS-04.rd").points == (40, 40)
    assert criterion(judged(facts(rd=600, sales=10_000, cost=10**9)), "TS-04.rd").points == (50, 50)


def test_R5_the_better_of_both_routes_counts() -> None:
    by_cost = judged(facts(rd=30, sales=10_000, cost=100))
    assert criterion(by_cost, "TS-04.rd").points == (50, 50)
    assert {each.name for each in criterion(by_cost, "TS-04.rd").facts} == {"rd", "cost"}
    assert criterion(judged(facts(rd=6, sales=100, cost=10_000)), "TS-04.rd").points == (50, 50)


def test_R5_staff_of_99_per_mille_fails_with_80_points() -> None:
    found = judged(facts(staff=1_000, rd_staff=99, rd=600, sales=10_000))
    assert criterion(found, "TS-04").points == (80, 80)
    assert criterion(found, "TS-04").verdict == "not_met"
    assert found.verdict == "not_met"


def test_R5_a_judgement_names_its_version_and_the_day_source_and_value_of_its_facts() -> None:
    found = judged(facts())
    assert (found.version, found.judged_on, found.verdict) == ("TS-2017", DAY, "met")
    stated = criterion(found, "TS-01.staff").facts[0]
    assert (stated.value, stated.as_of, stated.source) == (100, AS_OF, "test")


@pytest.mark.parametrize(
    ("one", "two", "points"),
    [(1, 0, 30), (7, 9, 30), (0, 5, 24), (0, 4, 24), (0, 3, 18), (0, 2, 12), (0, 1, 6), (0, 0, 0)],
)
def test_TS_05_results(one: int, two: int, points: int) -> None:
    found = judged(facts(class_one_rights=one, class_two_rights=two))
    assert criterion(found, "TS-05").points == (points, points)


@pytest.mark.parametrize(
    ("right", "points"),
    [
        ({"kind": "invention_patent"}, (30, 30)),
        ({"kind": "circuit_layout"}, (30, 30)),
        ({"kind": "software_copyright"}, (6, 6)),
        ({"kind": "trademark"}, (0, 0)),
        ({"kind": "invention_patent", "valid_until": date(2022, 4, 8)}, (30, 30)),
        ({"kind": "invention_patent", "valid_until": date(2022, 4, 7)}, (0, 0)),
        ({"kind": "invention_patent", "held_since": date(2022, 4, 9)}, (0, 0)),
        ({"kind": "invention_patent", "valid_until": None}, (0, 30)),
        ({"kind": "invention_patent", "main_product": False}, (0, 0)),
        ({"kind": "utility_model", "main_product": None}, (0, 6)),
    ],
)
def test_TS_05_a_right_counts_where_it_is_valid_and_of_the_main_product(
    right: dict[str, Any], points: tuple[int, int]
) -> None:
    full = {
        "number": "X1", "held_since": date(2015, 1, 1), "valid_until": date(2030, 1, 1),
        "main_product": True,
    } | right  # fmt: skip
    found = judged(facts(rights=(Right(**full),), without=("class_one_rights",)))
    assert criterion(found, "TS-05").points == points


@pytest.mark.parametrize(
    ("lost", "points", "verdict"),
    [
        # 20 + 50 + 30 without one of them: what is left decides as far as it can.
        ("rd_staff", (80, 100), "unknown"),  # it might be 0, which fails
        ("rd", (50, 100), "unknown"),
        ("sales", (40, 90), "unknown"),
        ("class_one_rights", (94, 100), "met"),
    ],
)
def test_TS_04_unknown_facts_leave_a_range(
    lost: str, points: tuple[int, int], verdict: str
) -> None:
    known = facts(without=(lost,), rd=500 * WAN, cost=4_000 * WAN)
    total = criterion(judged(known), "TS-04")
    if lost == "sales":
        assert total.points == (60, 100)  # by cost 12.5 %: 10 points at least
        return
    assert (total.points, total.verdict) == (points, verdict)


@pytest.mark.parametrize(("one", "verdict"), [(0, "not_met"), (1, "met")])
def test_TS_04_sixty_points_pass_and_fewer_do_not(one: int, verdict: str) -> None:
    # staff 20, research 10, results 30 or 24: exactly 60, and 54
    known = facts(rd=2, sales=100, cost=100, class_one_rights=one)
    found = criterion(judged(known), "TS-04")
    assert found.points == ((60, 60) if one else (54, 54))
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"high_tech_until": date(2022, 4, 8)}, "met"),
        ({"high_tech_until": date(2022, 4, 7)}, "not_met"),
        ({"provincial_institution": True}, "met"),
        ({"led_standard_on": date(2017, 4, 8)}, "met"),
        ({"led_standard_on": date(2017, 4, 7)}, "not_met"),
        ({"national_award_on": date(2017, 4, 8), "national_award_place": 3}, "met"),
        ({"national_award_on": date(2017, 4, 8), "national_award_place": 4}, "not_met"),
        ({"national_award_on": date(2017, 4, 7), "national_award_place": 1}, "not_met"),
        ({"national_award_on": date(2017, 4, 8)}, "unknown"),
    ],
)
def test_TS_06_direct_entry_needs_no_points(changed: dict[str, Any], verdict: str) -> None:
    pointless = {"rd": 0, "class_one_rights": 0, "class_two_rights": 0}
    lost = ("national_award_place",) if verdict == "unknown" else ()
    found = judged(facts(**pointless, **changed, without=lost))
    assert criterion(found, "TS-04").verdict == "not_met"
    assert criterion(found, "TS-06").verdict == verdict
    assert found.verdict == verdict


def test_TS_06_direct_entry_does_not_lift_the_limits_of_size() -> None:
    assert judged(facts(provincial_institution=True, staff=501)).verdict == "not_met"


def test_TS_04_a_ratio_needs_both_facts_of_one_day() -> None:
    last, before = date(2021, 12, 31), date(2020, 12, 31)
    rest = {n: v for n, v in GOOD.items() if n not in ("staff", "rd_staff")}
    known = [Sheet(last, "a", rest | {"staff": 100}), Sheet(before, "b", {"rd_staff": 40})]
    found = criterion(judged(Facts(known)), "TS-04.staff")
    assert (found.points, found.note) == ((0, 20), "other_days")
    known.append(Sheet(before, "b", {"staff": 80}))
    assert criterion(judged(Facts(known), date(2021, 4, 8)), "TS-04.staff").points == (20, 20)


def test_TS_01_old_facts_are_unknown() -> None:
    found = judged(facts(as_of=date(2020, 12, 31)))
    assert criterion(found, "TS-01.staff").note == "too_old"
    assert found.verdict == "unknown"


def test_TS_04_no_sales_give_no_ratio_but_the_cost_route_stays() -> None:
    found = criterion(judged(facts(sales=0, rd=40, cost=100)), "TS-04.rd")
    assert found.points == (50, 50)
    nothing = criterion(judged(facts(sales=0, rd=0, cost=0)), "TS-04.rd")
    assert (nothing.points, nothing.note) == ((0, 0), "no_denominator")


def test_TS_01_no_standard_before_there_was_one() -> None:
    with pytest.raises(BadInput, match=r"standard\.not_in_force"):
        version_on("tech_sme", date(2017, 5, 2))
    assert version_on("tech_sme", date(2017, 5, 3)).id == "TS-2017"
