"""The tier of bureaus as a plan: a row for every enterprise, and the load of each bureau."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np

from services.allocation.domain.capacity import NOTHING, CapacityRules, receivers
from services.allocation.domain.engine.problem import BP
from services.allocation.domain.model import Enterprise, NodeKind, Outlet
from services.allocation.domain.planning import CityPlan, LoadRow, PlanRow, faults, quotas
from services.allocation.domain.tiers import TierOne, certify, share_out


@dataclass(frozen=True, slots=True)
class BureauTask:
    """What the tier of bureaus is solved from; `declared` are capacities set by city and bank."""

    province_code: str
    seed: int
    enterprises: tuple[Enterprise, ...]
    outlets: tuple[Outlet, ...]
    types: dict[UUID, str]
    capacity: CapacityRules
    direct_city_code: str | None = None
    declared: dict[str, dict[UUID, int]] = field(default_factory=dict[str, dict[UUID, int]])


def rooms(task: BureauTask) -> dict[str, int]:
    """What the banks of each city can take.

    Units:   enterprises.
    Source:  rule JS-06; feature A2.
    """
    listed = Counter(one.city_code for one in task.enterprises)
    if task.direct_city_code is not None:
        listed.setdefault(task.direct_city_code, 0)
    here: defaultdict[str, list[Outlet]] = defaultdict(list)
    for one in task.outlets:
        here[one.city_code].append(one)
    return {
        city: sum(
            one.capacity
            for one in receivers(
                here[city], task.types, listed=count, rules=task.capacity,
                declared=task.declared.get(city, NOTHING),
            )
        )
        for city, count in sorted(listed.items())
    }  # fmt: skip


def solve_tier_one(task: BureauTask) -> CityPlan:
    """Send every enterprise to its bureau or, in the direct city, straight to the banks there.

    The ways to the capital are the shortest that so many can have: taking the nearest first is
    exact, and the bound proves it (docs/plan-file.md).

    Units:   enterprises; metres.
    Source:  rule JS-06; features A1, A2.
    """
    room = rooms(task)
    given: dict[str, Any] = {
        "capacity": room,
        "capital_city_code": task.direct_city_code,
        "capital_outlets": [one for one in task.outlets if one.city_code == task.direct_city_code],
        "seed": task.seed,
    }
    decisions = share_out(task.enterprises, **given)
    certificate = certify(task.enterprises, decisions, **given)
    return CityPlan(
        task.province_code,
        tuple(_row(one, task.seed) for one in decisions),
        _loads(decisions, room),
        (),
        exhausted=0,
        longest_m=max((one.metres_to_capital or 0 for one in decisions), default=0),
        violations=faults(certificate),
        digest=digest((one.enterprise_id, one.city_code, one.node_kind) for one in decisions),
        direct=sum(one.node_kind is NodeKind.INSTITUTION for one in decisions),
        cost=certificate.primal,
        bound=certificate.dual,
    )


def digest(sent: Iterable[tuple[UUID, str, NodeKind]]) -> str:
    """SHA-256 over 16 bytes of each enterprise's id, and its city and kind, by id.

    Source:  feature U8 (docs/plan-file.md).
    """
    found = sha256()
    for enterprise_id, city_code, kind in sent:
        found.update(enterprise_id.bytes + f"{city_code} {kind}\n".encode())
    return found.hexdigest()


def _row(one: TierOne, seed: int) -> PlanRow:
    bureau = one.city_code if one.node_kind is NodeKind.BUREAU else None
    return PlanRow(
        one.enterprise_id,
        one.city_code,
        one.node_kind.value,
        bureau_code=bureau,
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
