"""Tier 2: limits, fairness, ties, shortages, and how long it takes."""

import time
from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.allocation.domain.splitting import FairnessBands, Split, quotas, split_city
from services.allocation.domain.transport import FORBIDDEN
from tests.allocation.domain.build import City, a_city

OPEN = FairnessBands(total_bp=None, hard_bp=None)


def loads(split: Split) -> np.ndarray:
    banks = len(split.costs.institutions)
    return np.bincount(split.choice, minlength=banks + 1)[:banks]


@pytest.mark.parametrize("seed", range(12))
def test_A4_the_order_of_enterprises_banks_and_outlets_changes_nothing(seed: int) -> None:
    city = a_city(enterprises=120, banks=7, tightness=1.05, seed=seed, parks=2)
    crowded = replace(
        city,
        enterprises=tuple(
            replace(one, longitude_e6=120_600_000, latitude_e6=31_300_000)
            for one in city.enterprises
        ),
    )
    for instance in (city, crowded):
        first = split_city(instance.costs(), FairnessBands())
        again = split_city(instance.shuffled(seed + 100).costs(), FairnessBands())
        assert first.digest() == again.digest()


def test_A4_another_seed_changes_who_but_not_the_cost_in_metres() -> None:
    city = a_city(enterprises=200, banks=6, tightness=1.0, parks=1, seed=4)
    same_spot = replace(
        city,
        enterprises=tuple(
            replace(one, longitude_e6=120_600_000, latitude_e6=31_300_000)
            for one in city.enterprises
        ),
    )
    splits = [split_city(same_spot.costs(seed=seed), FairnessBands()) for seed in (1, 2)]
    assert splits[0].total_m() == splits[1].total_m()
    assert splits[0].digest() != splits[1].digest()


def test_A3_replaying_the_stored_inputs_gives_the_same_banks() -> None:
    city = a_city(enterprises=300, banks=9, seed=6)
    assert split_city(city.costs(), FairnessBands()).digest() == (
        split_city(city.costs(), FairnessBands()).digest()
    )


def test_U8_the_same_inputs_give_the_same_bytes_on_every_machine() -> None:
    split = split_city(a_city(enterprises=500, banks=11, seed=42).costs(), FairnessBands())
    assert split.digest() == "0942514ff96749fa015a60ea07efaf46ed3ab8efc9c432ea8f3c8a5c8021774f"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 6), st.integers(40, 160))
def test_JS_07_capacities_hold_and_only_an_explained_shortage_leaves_anyone_over(
    seed: int, enterprises: int, banks: int, tightness: int
) -> None:
    city = a_city(enterprises=enterprises, banks=banks, tightness=1, seed=seed)
    rng = Random(seed)
    city = city.with_capacities(
        [
            rng.choice([0, rng.randint(0, max(1, enterprises * tightness // 100 // banks * 2))])
            for _ in city.institutions
        ]
    )
    barred = tuple(
        replace(
            one,
            previous_ids=tuple(b.institution_id for b in city.institutions if rng.random() < 0.3),
        )
        for one in city.enterprises
    )
    split = split_city(replace(city, enterprises=barred).costs(), FairnessBands())
    capacity = np.array([one.capacity for one in split.costs.institutions])
    assert (loads(split) <= capacity).all()
    assert split.violations == 0
    left = int((~split.placed).sum())
    assert sum(one.short for one in split.shortages) == left
    _check_shortages(split)


def _check_shortages(split: Split) -> None:
    """Each set is closed, and exactly full: its enterprises may go nowhere else."""
    costs = split.costs
    row_of = {one.enterprise_id: row for row, one in enumerate(costs.enterprises)}
    seen: set[object] = set()
    for shortage in split.shortages:
        assert not seen & set(shortage.enterprise_ids)
        seen |= set(shortage.enterprise_ids)
        assert len(shortage.enterprise_ids) == shortage.slots + shortage.short
        inside = np.array(
            [one.institution_id in shortage.institution_ids for one in costs.institutions], bool
        )
        for enterprise_id in shortage.enterprise_ids:
            assert not (costs.cost[row_of[enterprise_id], ~inside] < FORBIDDEN).any()


@pytest.mark.parametrize("seed", range(15))
def test_JS_07_a_shortage_is_cleared_by_as_many_places_as_it_names(seed: int) -> None:
    city = a_city(enterprises=80, banks=5, tightness=0.8, seed=seed)
    split = split_city(city.costs(), FairnessBands())
    (shortage,) = split.shortages
    first = shortage.institution_ids[0]
    more = [
        one.capacity + (shortage.short if one.institution_id == first else 0)
        for one in city.institutions
    ]
    assert not split_city(city.with_capacities(more).costs(), FairnessBands()).shortages


@pytest.mark.parametrize("seed", range(8))
def test_JS_07_every_load_is_within_five_percent_of_its_capacity_share(seed: int) -> None:
    split = split_city(
        a_city(enterprises=600, banks=8, tightness=1.3, seed=seed).costs(), FairnessBands()
    )
    capacity = np.array([one.capacity for one in split.costs.institutions])
    share = capacity * 600 / capacity.sum()
    assert (loads(split) >= np.floor(0.95 * share)).all()
    assert (loads(split) <= np.ceil(1.05 * share)).all()


@pytest.mark.parametrize("seed", range(8))
def test_JS_07_hard_cases_are_spread_too(seed: int) -> None:
    split = split_city(
        a_city(enterprises=600, banks=8, tightness=1.3, seed=seed).costs(), FairnessBands()
    )
    hard = split.costs.hard
    capacity = np.array([one.capacity for one in split.costs.institutions])
    share = capacity * int(hard.sum()) / capacity.sum()
    counted = np.bincount(split.choice[hard], minlength=len(capacity))
    assert (counted >= np.floor(0.9 * share)).all()
    assert (counted <= np.ceil(1.1 * share)).all()


def test_JS_07_fairness_costs_metres_and_never_saves_any() -> None:
    costs = a_city(enterprises=500, banks=8, tightness=1.3, seed=2).costs()
    totals = [
        split_city(costs, bands).total_m()
        for bands in (
            OPEN,
            FairnessBands(2_000, None),
            FairnessBands(500, None),
            FairnessBands(500, 1_000),
        )
    ]
    assert totals == sorted(totals)


def test_JS_19_carried_enterprises_use_up_capacity_and_count_in_the_share() -> None:
    city = a_city(enterprises=100, banks=4, tightness=1.5, seed=3)
    full = city.institutions[0]
    split = split_city(city.costs(), FairnessBands(), carried={full.institution_id: full.capacity})
    assert full.institution_id not in set(split.by_enterprise().values())


@given(st.lists(st.integers(0, 500), max_size=30), st.integers(0, 80_000))
def test_A2_quotas_sum_to_the_list_and_no_capacity_gets_no_quota(
    capacities: list[int], total: int
) -> None:
    shares = quotas(np.array(capacities, dtype=np.int64), total)
    assert int(shares.sum()) == (total if sum(capacities) else 0)
    everything = max(sum(capacities), 1)
    for capacity, share in zip(capacities, shares.tolist(), strict=True):
        assert abs(share - capacity * total / everything) < 1
        assert capacity or not share


def test_A2_a_bank_without_staff_gets_nobody() -> None:
    city = a_city(enterprises=60, banks=4, tightness=2.0)
    idle = city.institutions[2].institution_id
    outlets = tuple(
        replace(one, officers=0) if one.institution_id == idle else one for one in city.outlets
    )
    split = split_city(replace(city, outlets=outlets).costs(), FairnessBands())
    assert Counter(split.by_enterprise().values())[idle] == 0
    assert split.placed.all()


def test_JS_07_a_city_without_any_bank_leaves_everyone_over_and_says_so() -> None:
    city = a_city(enterprises=5, banks=2)
    split = split_city(City(city.enterprises, (), ()).costs(), FairnessBands())
    (shortage,) = split.shortages
    assert (shortage.slots, shortage.short, len(shortage.enterprise_ids)) == (0, 5, 5)
    empty = split_city(City((), city.institutions, city.outlets).costs(), FairnessBands())
    assert empty.by_enterprise() == {}


def test_U9_two_thousand_enterprises_are_shared_out_within_a_second() -> None:
    costs = a_city(enterprises=2_000, banks=30, tightness=1.1, parks=20, seed=9).costs()
    started = time.perf_counter()
    split = split_city(costs, FairnessBands())
    assert time.perf_counter() - started < 1.0
    assert split.violations == 0
    assert split.placed.all()


def test_U9_a_list_too_long_for_exact_integers_is_refused() -> None:
    costs = a_city(enterprises=3, banks=2).costs()
    huge = replace(costs.weights, band_step_m=1 << 46)
    with pytest.raises(ValueError, match="exact integers"):
        split_city(replace(costs, weights=huge), FairnessBands())
