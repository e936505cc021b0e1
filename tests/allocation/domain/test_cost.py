"""Costs of pairs: metres, relation, what is forbidden, and the lottery."""

import math
from dataclasses import replace
from random import Random

import numpy as np

from services.allocation.domain.cost import CostWeights, metres_of, tie_keys, unit_vectors
from services.allocation.domain.transport import FORBIDDEN
from tests.allocation.domain.build import a_city, an_id


def haversine_m(one: tuple[int, int], other: tuple[int, int]) -> float:
    (lon1, lat1), (lon2, lat2) = [
        (math.radians(x / 1e6), math.radians(y / 1e6)) for x, y in (one, other)
    ]
    inner = math.sin((lat2 - lat1) / 2) ** 2
    inner += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(inner))


def test_JS_06_distance_is_the_great_circle_to_the_metre() -> None:
    rng = Random(3)
    for _ in range(500):
        pair = [
            (rng.randint(116_000_000, 122_000_000), rng.randint(30_700_000, 35_200_000))
            for _ in range(2)
        ]
        points = unit_vectors(
            *(np.array(column, dtype=np.int64) for column in zip(*pair, strict=True))
        )
        chord = ((points[0] - points[1]) ** 2).sum(keepdims=True)
        assert abs(int(metres_of(chord)[0]) - haversine_m(*pair)) < 0.51


def test_JS_07_a_bank_that_lends_to_the_enterprise_costs_the_relation_less() -> None:
    city = a_city(enterprises=40, banks=5)
    costs = city.costs(weights=CostWeights(no_relation_m=8_000))
    assert costs.related.any()
    assert (costs.cost[costs.related] == costs.metres[costs.related]).all()
    assert (costs.cost[~costs.related] == costs.metres[~costs.related] + 8_000).all()


def test_JS_06_the_nearest_staffed_outlet_is_remembered_and_unstaffed_ones_do_not_count() -> None:
    city = a_city(enterprises=30, banks=4)
    owners = [one.institution_id for one in city.outlets]
    shut = next(one for one in city.outlets if owners.count(one.institution_id) > 1)
    empty = {shut.outlet_id}
    city = replace(
        city,
        outlets=tuple(
            replace(one, officers=0 if one.outlet_id in empty else 2) for one in city.outlets
        ),
    )
    costs = city.costs()
    for row, enterprise in enumerate(costs.enterprises):
        for column, bank in enumerate(costs.institutions):
            at = (enterprise.longitude_e6, enterprise.latitude_e6)
            best = min(
                haversine_m(at, (one.longitude_e6, one.latitude_e6))
                for one in city.outlets
                if one.institution_id == bank.institution_id and one.officers
            )
            outlet = costs.outlets[int(costs.nearest[row, column])]
            assert abs(best - int(costs.metres[row, column])) < 0.51
            assert outlet.institution_id == bank.institution_id
            assert outlet.outlet_id not in empty


def test_A2_a_bank_without_staff_in_the_city_is_forbidden() -> None:
    city = a_city(enterprises=10, banks=3)
    idle = city.institutions[1].institution_id
    outlets = tuple(
        replace(one, officers=0) if one.institution_id == idle else one for one in city.outlets
    )
    costs = replace(city, outlets=outlets).costs()
    column = [one.institution_id for one in costs.institutions].index(idle)
    assert (costs.cost[:, column] >= FORBIDDEN).all()


def test_JS_06_an_address_known_to_its_city_only_prefers_no_bank_for_its_distance() -> None:
    city = a_city(enterprises=6, banks=4)
    vague = tuple(replace(one, precision="city") for one in city.enterprises)
    costs = replace(city, enterprises=vague).costs()
    assert set(costs.cost.ravel().tolist()) <= {0, 8_000}


def test_A4_the_lottery_depends_on_seed_and_ids_only() -> None:
    ids = [an_id("enterprise", number) for number in range(50)]
    keys = dict(zip(ids, tie_keys(ids, 7).tolist(), strict=True))
    assert [keys[one] for one in reversed(ids)] == tie_keys(reversed(ids), 7).tolist()
    assert tie_keys(ids, 8).tolist() != tie_keys(ids, 7).tolist()
    one, other = (
        a_city(enterprises=20, banks=4).costs(),
        a_city(enterprises=20, banks=4).shuffled(5).costs(),
    )
    assert (one.tie == other.tie).all()
