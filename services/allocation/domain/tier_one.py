"""Tier 1 as a plan: a row for every enterprise, and the load of each bureau."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from services.allocation.domain.capacity import CapacityRules, institutions_in_city
from services.allocation.domain.engine.problem import BP
from services.allocation.domain.model import Enterprise, NodeKind, Outlet
from services.allocation.domain.planning import LoadRow, PlanRow, quotas
from services.allocation.domain.tiers import TierOne, share_out


@dataclass(frozen=True, slots=True)
class TierOnePlan:
    """Tier 1 for the whole list: rows, and the load of each bureau and of the direct city."""

    rows: tuple[PlanRow, ...]
    load: tuple[LoadRow, ...]


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
