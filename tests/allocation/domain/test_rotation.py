"""JS-19: the unmatched rotate, never back, another type first, the matched stay."""

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.allocation.domain.planning import CityPlan, solve_city
from services.allocation.domain.policy import FairnessBands
from services.allocation.domain.rotation import RotationRules
from tests.allocation.domain.build import City, a_city, an_id

FREE = FairnessBands(total_bp=None, hard_bp=None)


def rotated(city: City, *, rules: RotationRules | None = None, **fields: Any) -> CityPlan:
    return solve_city(city.task(seed=11, rotation=rules or RotationRules(), **fields))


def banks_of(plan: CityPlan) -> dict[UUID, UUID | None]:
    return {row.enterprise_id: row.institution_id for row in plan.rows}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.integers(70, 200), st.integers(1, 5))
def test_JS_19_no_bank_ever_gets_an_enterprise_twice_and_nobody_more_rounds_than_allowed(
    seed: int, banks: int, tightness: int, rounds: int
) -> None:
    city = a_city(enterprises=40, banks=banks, tightness=tightness / 100, seed=seed)
    capacity = {one.institution_id: one.capacity for one in city.institutions}
    rng = Random(seed)
    now = banks_of(solve_city(city.task()))
    history = {one: (bank,) if bank else () for one, bank in now.items()}
    for _ in range(rounds + 1):
        leaving = {one for one in history if rng.random() < 0.5}
        done = {one for one in leaving if len(history[one]) >= rounds}
        listed = tuple(
            replace(one, previous_ids=history[one.enterprise_id])
            if one.enterprise_id in leaving
            else one
            for one in city.enterprises
            if one.enterprise_id in leaving or now[one.enterprise_id]
        )
        current = {one: bank for one, bank in now.items() if bank}
        fixed = frozenset(one for one in current if one not in leaving or one in done)
        plan = rotated(
            city, rules=RotationRules(max_rounds=rounds), enterprises=listed, current=current,
            fixed=fixed,
        )  # fmt: skip
        assert plan.violations == 0
        assert plan.exhausted == len(done)
        assert banks_of(plan).keys() == leaving - done
        for one, bank in banks_of(plan).items():
            assert bank not in history[one]
            history[one] += (bank,) if bank else ()
            now[one] = bank
        held = Counter(filter(None, now.values()))
        assert all(count <= capacity[bank] for bank, count in held.items())
        assert all(len(set(had)) == len(had) <= rounds for had in history.values())


def test_JS_19_A7_a_state_bank_is_followed_by_another_type() -> None:
    city = a_city(enterprises=40, banks=8, tightness=4.0, seed=2)
    state = [one.institution_id for one in city.institutions if one.institution_type == "state"]
    listed = tuple(replace(one, previous_ids=(state[0],)) for one in city.enterprises)
    plan = rotated(city, rules=RotationRules(same_type_m=200_000), enterprises=listed, bands=FREE)
    banks = set(banks_of(plan).values())
    assert banks
    assert not banks & {*state, None}


def test_JS_19_the_same_type_is_taken_where_there_is_no_other() -> None:
    city = a_city(enterprises=10, banks=5, tightness=9.0, seed=2)
    banks = tuple(one for one in city.institutions if one.institution_type == "state")
    assert len(banks) == 2
    listed = tuple(
        replace(one, previous_ids=(banks[0].institution_id,)) for one in city.enterprises
    )
    plan = rotated(replace(city, institutions=banks), enterprises=listed)
    assert set(banks_of(plan).values()) <= {banks[1].institution_id, None}
    assert any(banks_of(plan).values())
    assert all(row.reason["same_type_as_before"] for row in plan.rows if row.institution_id)


def test_JS_19_who_has_no_admissible_bank_left_is_a_shortage_and_not_an_error() -> None:
    city = a_city(enterprises=4, banks=2, tightness=3.0)
    everyone = tuple(one.institution_id for one in city.institutions)
    listed = tuple(replace(one, previous_ids=everyone) for one in city.enterprises)
    (shortage,) = rotated(city, enterprises=listed).shortages
    assert (shortage.node_ids, shortage.short) == ((), 4)


def test_JS_19_the_places_of_matched_enterprises_are_not_given_away() -> None:
    city = a_city(enterprises=50, banks=4, tightness=1.5, seed=8)
    first = city.institutions[0]
    stay = [one.enterprise_id for one in city.enterprises[: first.capacity - 1]]
    plan = rotated(city, current=dict.fromkeys(stay, first.institution_id), fixed=frozenset(stay))
    assert Counter(banks_of(plan).values())[first.institution_id] <= 1
    assert not banks_of(plan).keys() & set(stay)
    load = {one.institution_id: one for one in plan.load}[first.institution_id]
    assert load.carried == first.capacity - 1


def test_JS_19_a_previous_bank_that_has_left_the_city_forbids_nothing_here() -> None:
    city = a_city(enterprises=10, banks=3, tightness=4.0, seed=6)
    gone = an_id("bank", 99)
    listed = tuple(replace(one, previous_ids=(gone,)) for one in city.enterprises)
    assert all(banks_of(rotated(city, enterprises=listed)).values())


def test_JS_19_from_the_fourth_round_on_fairness_is_about_all_rounds_together() -> None:
    city = a_city(enterprises=60, banks=4, tightness=3.0, seed=9).with_capacities([45] * 4)
    gone = tuple(an_id("bank", 90 + number) for number in range(3))
    listed = tuple(replace(one, previous_ids=gone) for one in city.enterprises)
    heavy = city.institutions[0].institution_id
    rules = RotationRules(max_rounds=9)
    plan = rotated(city, rules=rules, enterprises=listed, past={heavy: 20})
    counts = Counter(banks_of(plan).values())
    assert counts[heavy] < min(counts[one.institution_id] for one in city.institutions[1:])
    early = tuple(replace(one, previous_ids=gone[:1]) for one in city.enterprises)
    even = Counter(
        banks_of(rotated(city, rules=rules, enterprises=early, past={heavy: 20})).values()
    )
    assert abs(even[heavy] - 15) <= 1
