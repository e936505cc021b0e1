"""What-if: another policy or other capacities, compared with who stands where now."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from services.allocation.domain.engine.allocating import Allocation, solve
from services.allocation.domain.engine.measuring import Measures, measure_all
from services.allocation.domain.engine.problem import City, Ints, Policy, Smalls
from services.allocation.domain.engine.scoring import Scored, score_city


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A scenario beside what is: rows of the city (in order) that would move, measures of both.

    `now` is what is, measured by the scenario's policy; both have fields for the same city.
    """

    scenario: Allocation
    now: Allocation
    moved: Ints
    measures: Measures
    now_measures: Measures


@dataclass(frozen=True, slots=True)
class PriceOfPolicy:
    """What a part of the policy costs: the city's metre-equivalents and ways with and without."""

    part: str
    cost_m: int
    travelled_m: int


def what_if(city: City, policy: Policy, now: Smalls) -> Comparison:
    """Solve a city that is in order under a policy, and compare with `now` (bank, or none).

    Units:   metres, enterprises.
    Source:  features A5, U9.
    """
    scored = score_city(city, policy)
    scenario = solve(scored, start=now)
    is_now = _standing(scored, now)
    moved = np.flatnonzero(scenario.choice != now)
    return Comparison(scenario, is_now, moved, measure_all([scenario]), measure_all([is_now]))


def _standing(scored: Scored, choice: Smalls) -> Allocation:
    nothing = np.zeros((2, scored.bounds.shape[1]), dtype=np.int64)
    return Allocation(scored, choice.astype(np.int32), nothing, nothing, 0)


def with_capacities(city: City, capacities: Mapping[int, int]) -> City:
    """The city with other capacities for some banks, by column."""
    changed = city.capacity.copy()
    for column, capacity in capacities.items():
        changed[column] = capacity
    return replace(city, capacity=changed)


def prices_of_policy(city: City, policy: Policy, now: Smalls) -> tuple[PriceOfPolicy, ...]:
    """What each part of the policy costs: the city solved again without it.

    Costs are counted alike for all: by the weights of `policy`, without stickiness and steps.

    Units:   metre-equivalents; metres.
    Source:  feature A5 (price of each policy).
    """
    plain = replace(policy, stick_m=0)
    without = {
        "none": policy,
        "total_band": replace(policy, total_bp=None),
        "hard_band": replace(policy, hard_bp=None),
        "stickiness": plain,
        "relation": replace(policy, no_relation_m=0),
    }
    ruler = score_city(city, plain)
    found: list[PriceOfPolicy] = []
    for part, other in without.items():
        solved = solve(score_city(city, other), start=now)
        measures = measure_all([_standing(ruler, solved.choice)])
        found.append(PriceOfPolicy(part, measures.cost_m, measures.travelled_m))
    return tuple(found)
