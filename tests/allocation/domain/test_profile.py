"""A campaign is data: the shipped profiles, and what a faulty one is told."""

import json
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from services.allocation.domain import profile as module
from services.allocation.domain.profile import parse_profile
from shared.kernel.errors import BadInput

FOLDER = Path(module.__file__).parent / "profiles"
SHIPPED = ("jiangsu-2022", "jilin-pojian", "coordination-2024")


def document(name: str = "jiangsu-2022") -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("name", SHIPPED)
def test_M4_every_shipped_profile_is_valid_and_named_like_its_file(name: str) -> None:
    profile = parse_profile(document(name))
    assert profile.code == name
    dates = profile.dates(date(2024, 10, 15))
    assert dates.opens_on <= dates.visits_from <= dates.visits_until <= dates.rotation_on


def test_JS_08_JS_11_JS_19_the_jiangsu_calendar() -> None:
    dates = parse_profile(document()).dates(date(2022, 4, 1))
    assert dates.contacts_due_on == date(2022, 4, 30)
    assert (dates.visits_from, dates.visits_until) == (date(2022, 5, 1), date(2022, 8, 31))
    assert dates.rotation_on == date(2022, 9, 5)


def test_JS_19_the_jiangsu_definition_of_matched_and_its_rounds() -> None:
    profile = parse_profile(document())
    assert profile.matched.any_of == ("line_approved", "loan_granted")
    assert profile.matched.at == "any_institution"
    assert profile.rotation.max_rounds == 3


def test_JS_06_nanjing_is_the_city_whose_banks_are_given_theirs_directly() -> None:
    assert parse_profile(document()).tree.direct_city_code == "320100"
    assert parse_profile(document("jilin-pojian")).tree.direct_city_code is None


def test_A1_a_tree_may_have_any_depth_and_may_begin_at_a_bank() -> None:
    jiangsu, jilin = (parse_profile(document(code)).tree for code in SHIPPED[:2])
    assert [(one.tier, one.to, one.base, one.duty, one.within) for one in jiangsu.steps] == [
        (1, "bureau", None, False, False),
        (2, "institution", 1, True, False),
    ]
    assert [(one.tier, one.to, one.base, one.duty, one.within) for one in jilin.steps] == [
        (1, "branch", None, True, True),
        (2, "outlet", 1, False, True),
    ]
    assert (jiangsu.of_one_bank, jilin.of_one_bank) == (False, True)
    deep = parse_profile(with_tiers("province", "bureau", "institution", "branch", "outlet"))
    assert [one.to for one in deep.tree.steps] == ["bureau", "institution", "branch", "outlet"]
    assert [one.base for one in deep.tree.steps] == [None, 1, 2, 3]
    assert (deep.tree.duty.tier, deep.tree.step(5)) == (2, None)


@pytest.mark.parametrize(
    ("nodes", "path", "code"),
    [
        (("bureau", "institution"), "tiers[0].from", "profile.tree_root"),
        (("province", "outlet"), "tiers[0].to", "profile.tree_without_bank"),
        (("province", "bureau"), "tiers", "profile.tree_without_bank"),
        (("institution", "outlet", "branch"), "tiers[1].to", "profile.tree_upwards"),
    ],
)
def test_M4_a_tree_that_leads_nowhere_is_refused(
    nodes: tuple[str, ...], path: str, code: str
) -> None:
    with pytest.raises(BadInput) as refused:
        parse_profile(with_tiers(*nodes))
    assert (path, code) in {(one.where, one.code) for one in refused.value.errors}


def test_M4_a_tree_with_a_gap_is_refused_and_so_is_a_direct_city_where_no_bureau_is() -> None:
    torn = document()
    torn["tiers"][1]["from"] = "province"
    torn["tiers"][1]["direct_city_code"] = "320500"
    with pytest.raises(BadInput) as refused:
        parse_profile(torn)
    assert {one.code for one in refused.value.errors} == {
        "profile.tree_broken",
        "profile.direct_not_here",
    }


def with_tiers(*nodes: str) -> dict[str, Any]:
    steps = pairwise((*nodes, "contact"))
    tiers = [{"tier": n, "from": a, "to": b} for n, (a, b) in enumerate(steps, 1)]
    return document() | {"tiers": tiers}


def test_A2_abilities_are_named_by_the_type_of_bank() -> None:
    able = document()
    able["capacity"]["ability_bp"] = {"foreign": 5_000}
    assert parse_profile(able).capacity.ability_bp == {"foreign": 5_000}
    able["capacity"]["ability_bp"] = {"moon": 5_000}
    with pytest.raises(BadInput) as refused:
        parse_profile(able)
    assert {one.where for one in refused.value.errors} == {"capacity.ability_bp.moon"}


def test_M4_a_calendar_that_runs_backwards_is_refused() -> None:
    with pytest.raises(BadInput) as refused:
        parse_profile(document()).dates(date(2022, 7, 1))
    assert refused.value.code == "profile.calendar_out_of_order"


@pytest.mark.parametrize(
    ("where", "value", "path", "code"),
    [
        (("code",), "", "code", "profile.not_text"),
        (("version",), True, "version", "profile.not_in_range"),
        (("scope", "province_code"), "32", "scope.province_code", "profile.not_a_region_code"),
        (("scope", "led_by"), "nobody", "scope.led_by", "profile.unknown_value"),
        (("scope",), 3, "scope", "profile.not_an_object"),
        (("tiers",), [], "tiers", "profile.empty_list"),
        (("tiers", 1, "to"), "moon", "tiers[1].to", "profile.unknown_value"),
        (("tiers", 1, "tier"), 7, "tiers", "profile.tiers_not_counted"),
        (("calendar", "rotation", "day"), 31, "calendar.rotation.day", "profile.not_in_range"),
        (("calendar", "visits_from"), {"after_days": -1}, "calendar.visits_from.after_days", "profile.not_in_range"),
        (("calendar", "party"), {}, "calendar.party", "profile.unknown_field"),
        (("matched", "any_of", 0), "wish", "matched.any_of[0]", "profile.unknown_value"),
        (("cost", "no_relation_m"), 1.5, "cost.no_relation_m", "profile.not_in_range"),
        (("cost", "distance_from"), [], "cost.distance_from", "profile.empty_list"),
        (("fairness", "total_bp"), 10_001, "fairness.total_bp", "profile.not_in_range"),
        (("rotation", "max_rounds"), 0, "rotation.max_rounds", "profile.not_in_range"),
        (("bulletin", "metrics", 2), "fame", "bulletin.metrics[2]", "profile.unknown_value"),
        (("colour",), "red", "colour", "profile.unknown_field"),
    ],
)  # fmt: skip
def test_M4_a_bad_field_is_named_by_its_path(
    where: tuple[str | int, ...], value: object, path: str, code: str
) -> None:
    faulty = document()
    place: Any = faulty
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    with pytest.raises(BadInput) as refused:
        parse_profile(faulty)
    assert refused.value.code == "profile.invalid"
    assert (path, code) in {(one.where, one.code) for one in refused.value.errors}


def test_M4_all_faults_are_reported_at_once_and_a_missing_field_is_one() -> None:
    faulty = document()
    del faulty["fairness"]["hard_bp"]
    faulty["rotation"]["max_rounds"] = "three"
    with pytest.raises(BadInput) as refused:
        parse_profile(faulty)
    assert {one.where for one in refused.value.errors} == {
        "fairness.hard_bp",
        "rotation.max_rounds",
    }
    with pytest.raises(BadInput):
        parse_profile([])


def test_M4_no_band_at_all_is_a_choice_and_is_written_as_null() -> None:
    open_ended = document()
    open_ended["fairness"] = {"total_bp": None, "hard_bp": None}
    assert parse_profile(open_ended).fairness.total_bp is None
