"""A plan's computation: from what is known of a city to a reasoned row for every enterprise.

Everything a solution rests on is in its `CityTask`, nothing else: solving the stored task again
gives the same rows and the same digest (A3, U8). A task travels to a solving process and back.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from services.allocation.domain.capacity import CapacityRules, institutions_in_city
from services.allocation.domain.cost import CostWeights, city_costs
from services.allocation.domain.explain import (
    Explanation,
    InstitutionLoad,
    explanations,
    gini_bp,
    load_report,
)
from services.allocation.domain.model import Enterprise, NodeKind, Outlet
from services.allocation.domain.rotation import RotationRules, rounds_of
from services.allocation.domain.splitting import BP, FairnessBands, Shortage, quotas, split_city
from services.allocation.domain.tiers import TierOne, share_out

#: What of an explanation the row itself does not say already.
REASONS = (
    "distance_counted",
    "has_relation",
    "same_type_as_before",
    "hard",
    "cost_m",
    "distance_rank",
    "cheapest_id",
    "binding",
    "runner_up_id",
    "runner_up_extra_m",
    "margin_m",
    "tie_number",
    "tie_seed",
)


@dataclass(frozen=True, slots=True)
class CityTask:
    """One city's part of a tier-2 plan, or of a rotation where `rotation` is set (JS-19).

    `outlets` are those in the city; `types` of all institutions; `carried` by institution.
    """

    city_code: str
    seed: int
    enterprises: tuple[Enterprise, ...]
    outlets: tuple[Outlet, ...]
    types: dict[UUID, str]
    carried: dict[UUID, int]
    capacity: CapacityRules
    weights: CostWeights
    bands: FairnessBands
    rotation: RotationRules | None = None


@dataclass(frozen=True, slots=True)
class PlanRow:
    """Where a plan sends one enterprise, and why; no target at all: nobody has a place for it."""

    enterprise_id: UUID
    city_code: str
    node_kind: str
    bureau_code: str | None
    institution_id: UUID | None
    nearest_outlet_id: UUID | None
    distance_m: int | None
    reason: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoadRow:
    """What one receiver gets: a bureau in tier 1, an institution in a city in tier 2."""

    city_code: str
    bureau_code: str | None
    institution_id: UUID | None
    capacity: int
    carried: int
    quota: int
    assigned: int
    hard: int
    fill_bp: int
    deviation_bp: int
    mean_m: int
    price_m: int


@dataclass(frozen=True, slots=True)
class CityPlan:
    """A city's solution with its proof: `violations` 0 means no cheaper sharing-out exists."""

    city_code: str
    rows: tuple[PlanRow, ...]
    load: tuple[LoadRow, ...]
    shortages: tuple[Shortage, ...]
    exhausted: int
    longest_m: int
    violations: int
    digest: str


@dataclass(frozen=True, slots=True)
class TierOnePlan:
    """Tier 1 for the whole list: rows, and the load of each bureau and of the direct city."""

    rows: tuple[PlanRow, ...]
    load: tuple[LoadRow, ...]


def solve_city(task: CityTask) -> CityPlan:
    """Share a city's enterprises out among its institutions, with a reason for each.

    Units:   metres; enterprises.
    Source:  rules JS-07, JS-19; features A2, A3, A4, A7, U8.
    """
    rules = task.rotation
    going = [one for one in task.enterprises if rules is None or rounds_of(one) < rules.max_rounds]
    load = len(task.enterprises) + sum(task.carried.values())
    institutions = institutions_in_city(
        task.outlets, task.types, city_code=task.city_code, listed=load, rules=task.capacity
    )
    costs = city_costs(
        going,
        institutions,
        task.outlets,
        weights=task.weights,
        seed=task.seed,
        same_type_m=rules.same_type_m if rules else 0,
        types=task.types if rules else {},
    )
    split = split_city(costs, task.bands, carried=task.carried)
    report = load_report(split)
    return CityPlan(
        task.city_code,
        tuple(_row(one, task.city_code) for one in explanations(split)),
        tuple(_institution_load(one, task.city_code) for one in report.institutions),
        split.shortages,
        exhausted=len(task.enterprises) - len(going),
        longest_m=report.longest_m,
        violations=split.violations,
        digest=split.digest(),
    )


def _row(one: Explanation, city_code: str) -> PlanRow:
    return PlanRow(
        one.enterprise_id,
        city_code,
        NodeKind.INSTITUTION.value,
        bureau_code=None,
        institution_id=one.institution_id,
        nearest_outlet_id=one.outlet_id,
        distance_m=one.metres,
        reason={name: getattr(one, name) for name in REASONS},
    )


def _institution_load(one: InstitutionLoad, city_code: str) -> LoadRow:
    return LoadRow(
        city_code,
        bureau_code=None,
        institution_id=one.institution_id,
        capacity=one.capacity,
        carried=one.carried,
        quota=one.quota,
        assigned=one.assigned,
        hard=one.hard,
        fill_bp=one.fill_bp,
        deviation_bp=one.deviation_bp,
        mean_m=one.mean_m,
        price_m=one.price_m,
    )


def solve_tier_one(
    enterprises: Sequence[Enterprise],
    outlets: Sequence[Outlet],
    types: Mapping[UUID, str],
    *,
    direct_city_code: str | None,
    rules: CapacityRules,
    seed: int,
) -> TierOnePlan:
    """Send every enterprise to its bureau or, in the direct city, straight to the banks there.

    Units:   enterprises; metres.
    Source:  rule JS-06; features A1, A2.
    """
    listed = Counter(one.city_code for one in enterprises)
    room = {
        city: sum(
            one.capacity
            for one in institutions_in_city(
                outlets, types, city_code=city, listed=count, rules=rules
            )
        )
        for city, count in listed.items()
    }
    if direct_city_code is not None and direct_city_code not in room:
        direct = institutions_in_city(
            outlets, types, city_code=direct_city_code, listed=0, rules=rules
        )
        room[direct_city_code] = sum(one.capacity for one in direct)
    decisions = share_out(
        enterprises,
        capacity=room,
        capital_city_code=direct_city_code,
        capital_outlets=[one for one in outlets if one.city_code == direct_city_code],
        seed=seed,
    )
    return TierOnePlan(
        tuple(_tier_one_row(one, seed) for one in decisions), _loads(decisions, room)
    )


def _tier_one_row(one: TierOne, seed: int) -> PlanRow:
    bureau = one.city_code if one.node_kind is NodeKind.BUREAU else None
    return PlanRow(
        one.enterprise_id,
        one.city_code,
        one.node_kind.value,
        bureau_code=bureau,
        institution_id=None,
        nearest_outlet_id=None,
        distance_m=one.metres_to_capital,
        reason={"why": one.reason.value, "tie_seed": seed},
    )


def _loads(decisions: Iterable[TierOne], room: Mapping[str, int]) -> tuple[LoadRow, ...]:
    given = Counter((one.city_code, one.node_kind) for one in decisions)
    cities = sorted({city for city, _ in given} | set(room))
    slots = np.array([room.get(city, 0) for city in cities], dtype=np.int64)
    shares: list[int] = quotas(slots, given.total()).tolist()
    return tuple(
        _load(city, kind, room.get(city, 0), share, given[city, kind])
        for city, share in zip(cities, shares, strict=True)
        for kind in NodeKind
        if given[city, kind]
    )


def _load(city: str, kind: NodeKind, capacity: int, share: int, assigned: int) -> LoadRow:
    return LoadRow(
        city,
        bureau_code=city if kind is NodeKind.BUREAU else None,
        institution_id=None,
        capacity=capacity,
        carried=0,
        quota=share,
        assigned=assigned,
        hard=0,
        fill_bp=assigned * BP // capacity if capacity else 0,
        deviation_bp=(assigned - share) * BP // share if share else 0,
        mean_m=0,
        price_m=0,
    )


def evenness_bp(load: Iterable[LoadRow]) -> int:
    """Gini coefficient of how full the receivers are: 0 is perfectly even.

    Units:   basis points.
    Source:  feature A4.
    """
    return gini_bp([one.fill_bp for one in load if one.capacity > 0])
