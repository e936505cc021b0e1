"""The standards against their second formulation, over thousands of made-up enterprises."""

from datetime import date
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.registry.domain.four_tech import judge_four_tech
from services.registry.domain.standards import version_on
from services.registry.domain.tech_sme import judge_tech_sme
from tests.registry.domain import oracle
from tests.registry.domain.known import DAY, GOOD, WAN, facts

TECH, FOUR = version_on("tech_sme", DAY), version_on("four_tech", DAY)
CLEAN = {"barred_products": False, "serious_accident": False, "environmental_offence": False}


def near(*points: int) -> st.SearchStrategy[int]:
    """Mostly right at a limit, or one beside it."""
    beside = [each for point in points for each in (point - 1, point, point + 1) if each >= 0]
    return st.sampled_from(beside) | st.integers(0, max(points) * 2 + 1)


@st.composite
def enterprises(draw: st.DrawFn) -> dict[str, Any]:
    staff = draw(near(500, 100, 1_000))
    total = draw(st.sampled_from((100, 10_000, 300 * WAN, 20_000 * WAN, 20_000 * WAN + 1)))
    percent = draw(st.integers(0, 40))
    flag = st.sampled_from((False, False, False, False, True))
    return GOOD | {
        "staff": staff,
        "rd_staff": min(draw(near(staff * percent // 100)), staff),
        "sales": draw(st.sampled_from((0, 1, total))),
        "rd": max(total * draw(st.integers(0, 32)) // 100 + draw(st.integers(-1, 1)), 0),
        "cost": draw(st.sampled_from((0, 1, total, total * 2))),
        "assets": draw(near(20_000 * WAN)),
        "resident": not draw(flag),
        "barred_products": draw(flag),
        "serious_accident": draw(flag),
        "environmental_offence": draw(flag),
        "research_misconduct": draw(flag),
        "abnormal_listing": draw(flag),
        "class_one_rights": draw(st.sampled_from((0, 0, 1, 2))),
        "class_two_rights": draw(st.integers(0, 6)),
        "provincial_institution": draw(flag),
        "high_tech_until": draw(st.sampled_from((None, DAY, date(2022, 4, 7)))),
        "high_value_patents": draw(st.integers(3, 7)),
        "core_right_in_product": draw(st.booleans()),
    }


@settings(max_examples=1_500, deadline=None)
@given(enterprises())
@example(GOOD)
def test_TS_04_known_facts_give_the_second_formulations_answer(values: dict[str, Any]) -> None:
    found = judge_tech_sme(facts(**values), TECH, DAY)
    points = {each.key: each.points for each in found.criteria}
    assert points["TS-04.staff"] == (oracle.staff_points(values),) * 2
    assert points["TS-04.rd"] == (oracle.rd_points(values),) * 2
    assert points["TS-05"] == (oracle.result_points(values),) * 2
    assert found.verdict == ("met" if oracle.is_tech_sme(values, DAY) else "not_met")


@settings(max_examples=400, deadline=None)
@given(enterprises(), st.lists(st.sampled_from(sorted(oracle.CHOICES)), max_size=3, unique=True))
def test_TS_04_no_answer_given_with_unknown_facts_is_ever_taken_back(
    values: dict[str, Any], lost: list[str]
) -> None:
    found = judge_tech_sme(facts(**values, without=tuple(lost)), TECH, DAY)
    answers = {oracle.is_tech_sme(v, DAY) for v in oracle.completions(values, tuple(lost))}
    if found.verdict == "met":
        assert answers == {True}
    elif found.verdict == "not_met":
        assert answers == {False}
    for total in oracle.completions(values, tuple(lost)):
        low, high = found.points or (0, 100)
        points = oracle.staff_points(total) + oracle.rd_points(total) + oracle.result_points(total)
        assert low <= points <= high


@settings(max_examples=1_500, deadline=None)
@given(enterprises(), st.booleans())
def test_JL_01_known_facts_give_the_second_formulations_answer(
    values: dict[str, Any], manufacturing: bool
) -> None:
    found = judge_four_tech(facts(**values), FOUR, DAY, "35" if manufacturing else "65")
    expected = oracle.is_four_tech(values, manufacturing=manufacturing)
    assert found.verdict == ("met" if expected else "not_met")


@settings(max_examples=300, deadline=None)
@given(
    enterprises(),
    st.lists(
        st.sampled_from(
            ("staff", "rd_staff", "sales", "rd", "high_value_patents", "core_right_in_product")
        ),
        max_size=3,
        unique=True,
    ),
)
def test_JL_01_unknown_industry_and_facts_are_never_guessed(
    values: dict[str, Any], lost: list[str]
) -> None:
    found = judge_four_tech(facts(**values, without=tuple(lost)), FOUR, DAY, None)
    answers = {
        oracle.is_four_tech(v, manufacturing=kind)
        for v in oracle.completions(values, tuple(lost))
        for kind in (True, False)
    }
    if found.verdict == "met":
        assert answers == {True}
    elif found.verdict == "not_met":
        assert answers == {False}
