"""JS-19: the unmatched rotate, never back, another type first, the matched stay."""

from collections import Counter
from dataclasses import replace
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.allocation.domain.cost import CostWeights
from services.allocation.domain.model import Enterprise
from services.allocation.domain.rotation import Rotation, RotationRules, rotate_city
from services.allocation.domain.splitting import FairnessBands, split_city
from tests.allocation.domain.build import City, a_city, an_id


def rotated(
    city: City,
    unmatched: list[Enterprise],
    *,
    carried: dict[UUID, int] | None = None,
    rules: RotationRules | None = None,
) -> Rotation:
    return rotate_city(
        unmatched,
        city.institutions,
        city.outlets,
        carried=carried or {},
        types=city.types,
        rules=rules or RotationRules(),
        weights=CostWeights(),
        bands=FairnessBands(),
        seed=11,
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.integers(70, 200), st.integers(1, 5))
def test_JS_19_no_bank_ever_gets_an_enterprise_twice_and_nobody_more_rounds_than_allowed(
    seed: int, banks: int, tightness: int, rounds: int
) -> None:
    city = a_city(enterprises=40, banks=banks, tightness=tightness / 100, seed=seed)
    capacity = {one.institution_id: one.capacity for one in city.institutions}
    rng = Random(seed)
    now = split_city(city.costs(), FairnessBands()).by_enterprise()
    history = {one: (bank,) if bank else () for one, bank in now.items()}
    for _ in range(rounds + 1):
        leaving = {one for one in history if rng.random() < 0.5}
        carried = Counter(bank for one, bank in now.items() if one not in leaving and bank)
        listed = [
            replace(one, previous_ids=history[one.enterprise_id])
            for one in city.enterprises
            if one.enterprise_id in leaving
        ]
        result = rotated(city, listed, carried=carried, rules=RotationRules(max_rounds=rounds))
        assert {one for one in leaving if len(history[one]) >= rounds} == set(result.exhausted_ids)
        for one, bank in result.split.by_enterprise().items():
            assert bank not in history[one]
            history[one] += (bank,) if bank else ()
            now[one] = bank
        for one in result.exhausted_ids:
            now[one] = None
        assert all(
            count <= capacity[bank] for bank, count in Counter(filter(None, now.values())).items()
        )
        assert all(len(set(had)) == len(had) <= rounds for had in history.values())


def test_JS_19_a_state_bank_is_followed_by_another_type() -> None:
    city = a_city(enterprises=40, banks=8, tightness=4.0, seed=2)
    state = [one.institution_id for one in city.institutions if one.institution_type == "state"]
    listed = [replace(one, previous_ids=(state[0],)) for one in city.enterprises]
    free = replace(FairnessBands(), total_bp=None, hard_bp=None)
    result = rotate_city(
        listed,
        city.institutions,
        city.outlets,
        carried={},
        types=city.types,
        rules=RotationRules(same_type_m=200_000),
        weights=CostWeights(),
        bands=free,
        seed=1,
    )
    banks = set(result.split.by_enterprise().values())
    assert banks
    assert not banks & {*state, None}


def test_JS_19_the_same_type_is_taken_where_there_is_no_other() -> None:
    city = a_city(enterprises=10, banks=5, tightness=9.0, seed=2)
    banks = tuple(one for one in city.institutions if one.institution_type == "state")
    assert len(banks) == 2
    listed = [replace(one, previous_ids=(banks[0].institution_id,)) for one in city.enterprises]
    result = rotated(replace(city, institutions=banks), listed)
    assert set(result.split.by_enterprise().values()) <= {banks[1].institution_id, None}
    assert result.split.placed.any()


def test_JS_19_who_has_no_admissible_bank_left_is_a_shortage_and_not_an_error() -> None:
    city = a_city(enterprises=4, banks=2, tightness=3.0)
    everyone = tuple(one.institution_id for one in city.institutions)
    listed = [replace(one, previous_ids=everyone) for one in city.enterprises]
    (shortage,) = rotated(city, listed).split.shortages
    assert (shortage.institution_ids, shortage.short) == ((), 4)


def test_JS_19_the_places_of_matched_enterprises_are_not_given_away() -> None:
    city = a_city(enterprises=50, banks=4, tightness=1.5, seed=8)
    first = city.institutions[0]
    result = rotated(
        city, list(city.enterprises), carried={first.institution_id: first.capacity - 1}
    )
    assert Counter(result.split.by_enterprise().values())[first.institution_id] <= 1


def test_JS_19_a_previous_bank_that_has_left_the_city_forbids_nothing_here() -> None:
    city = a_city(enterprises=10, banks=3, tightness=4.0, seed=6)
    gone = an_id("bank", 99)
    listed = [replace(one, previous_ids=(gone,)) for one in city.enterprises]
    assert rotated(city, listed).split.placed.all()
