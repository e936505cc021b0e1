"""A plan's computation: from what is known of a city to a reasoned row for every enterprise.

Everything a solution rests on is in its `CityTask`, nothing else: solving the stored task again
gives the same rows and the same digest (A3, U8).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import numpy as np

from services.allocation.domain.capacity import CapacityRules
from services.allocation.domain.engine.allocating import (
    Allocation,
    Certificate,
    allocate,
    certify,
    digest_of,
)
from services.allocation.domain.engine.comparing import what_if
from services.allocation.domain.engine.explaining import (
    Binding,
    Reasons,
    explain,
    held,
    shortages,
)
from services.allocation.domain.engine.joint import JointAllocation, allocate_jointly
from services.allocation.domain.engine.measuring import gini_bp
from services.allocation.domain.engine.problem import BP, Ints
from services.allocation.domain.engine.scoring import TIE_BITS
from services.allocation.domain.model import Enterprise, Outlet
from services.allocation.domain.policy import CostWeights, FairnessBands
from services.allocation.domain.rotation import rounds_of
from services.allocation.domain.tasks import FORMS, CityTask, Problem, problem_of

BINDINGS = {
    Binding.NONE: "none",
    Binding.CAPACITY: "capacity",
    Binding.FAIR_SHARE: "fair_share",
    Binding.HARD_SHARE: "hard_share",
    Binding.OTHERS_FLOOR: "others_floor",
    Binding.NO_PLACE: "no_place",
    Binding.FIXED: "fixed",
}


@dataclass(frozen=True, slots=True)
class Shortage:
    """A closed set: these enterprises may go to these nodes only, and all of them are full.

    So `short` of them stay without a bank however the rest is shared out.
    """

    node_ids: tuple[UUID, ...]
    slots: int
    enterprise_ids: tuple[UUID, ...]
    short: int


@dataclass(frozen=True, slots=True)
class PlanRow:
    """Where a plan sends one enterprise, and why; no target at all: nobody has a place for it.

    A bank's node has its `node_id` and the city it is in; an outlet its `outlet_id` too.
    """

    enterprise_id: UUID
    city_code: str
    node_kind: str
    reason: dict[str, Any]
    bureau_code: str | None = None
    institution_id: UUID | None = None
    node_city: str | None = None
    outlet_id: UUID | None = None
    node_id: UUID | None = None
    nearest_outlet_id: UUID | None = None
    distance_m: int | None = None


@dataclass(frozen=True, slots=True)
class LoadRow:
    """What one receiver gets: a bureau, an institution in a city, a bank's branch or outlet.

    `capacity_source` says where its capacity comes from: declared by outlets, from its staff, a
    share of what is wanting, or set by the bureau; and it has so many `officers` at `outlets`, of
    that ability, with so much `declared`. `price_m` is what one slot more would save the city,
    `fewer_m` what one fewer would cost.
    """

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
    fewer_m: int = 0
    floor: int = 0
    ceiling: int = 0
    officers: int = 0
    capacity_source: str = ""
    outlet_id: UUID | None = None
    outlets: int = 0
    declared: int = 0
    ability_bp: int = BP


@dataclass(frozen=True, slots=True)
class CityPlan:
    """A city's solution with its proof: cost equal to bound, and nobody cheaper elsewhere.

    `prices` are by node: what one easy and one hard case more there costs, in the unit of the
    scores; in the joint form by outlet: a place at the outlet, and at its bank (docs/plan-file.md).
    `direct`: how many go straight to the banks of a city, who are given them at the next tier.
    """

    city_code: str
    rows: tuple[PlanRow, ...]
    load: tuple[LoadRow, ...]
    shortages: tuple[Shortage, ...]
    exhausted: int
    longest_m: int
    violations: int
    digest: str
    direct: int = 0
    cost: int = 0
    bound: int = 0
    prices: dict[UUID, tuple[int, int]] = field(default_factory=dict[UUID, tuple[int, int]])
    institution_id: UUID | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A group shared out, seen by node, with its proof; in the joint form each has a seat too."""

    by_node: Allocation
    certificate: Certificate
    prices: dict[UUID, tuple[int, int]]
    digest: str
    seats: JointAllocation | None = None


def solve_city(task: CityTask) -> CityPlan:
    """Share a group's enterprises out among its receivers, with a reason for each.

    Units:   metres; enterprises.
    Source:  rules JS-07, JS-19; features A2, A3, A4, A7, U8.
    """
    problem = problem_of(task)
    return plan_of(task, problem, solution_of(task, problem))


def solution_of(task: CityTask, problem: Problem) -> Solution:
    """By the kernel, or jointly with the outlets' own limits.

    Source:  rules JS-06, JS-07; features A2, U8.
    """
    if task.form == "joint":
        joint = allocate_jointly(problem.city, problem.policy)
        city, outlets = joint.scored.city, len(problem.outlets)
        of_bank = joint.prices[outlets:][city.outlet_bank].tolist()
        ids = [one.outlet_id for one in problem.outlets]
        return Solution(
            joint.by_bank,
            Certificate(joint.primal, joint.bound, 0),
            dict(zip(ids, zip(joint.prices[:outlets].tolist(), of_bank, strict=True), strict=True)),
            digest_of(city.enterprise, city.outlet, joint.outlet),
            joint,
        )
    allocation = allocate(problem.city, problem.policy)
    ids = [one.node_id for one in problem.receivers]
    prices = zip(*allocation.prices.tolist(), strict=True)
    return Solution(
        allocation,
        certify(allocation),
        dict(zip(ids, prices, strict=True)),
        allocation.digest,
    )


def plan_of(task: CityTask, problem: Problem, solution: Solution) -> CityPlan:
    """The rows, load and proof of a solution, by name.

    Units:   metres; enterprises.
    Source:  features A3, A4, U8.
    """
    allocation, certificate = solution.by_node, solution.certificate
    reasons, policy = explain(allocation), problem.policy
    ids = [one.node_id for one in problem.receivers]
    return CityPlan(
        task.city_code,
        tuple(_rows(task, problem, solution, reasons)),
        tuple(_loads(problem, allocation, reasons)),
        tuple(
            Shortage(
                tuple(ids[bank] for bank in one.banks),
                one.slots,
                tuple(problem.enterprises[row].enterprise_id for row in one.enterprises.tolist()),
                one.short,
            )
            for one in shortages(allocation)
        ),
        exhausted=_exhausted(task),
        longest_m=int(reasons.metres.max(initial=0)),
        violations=faults(certificate, knows_all=not solution.seats or policy.hard_bp is None),
        digest=solution.digest,
        cost=certificate.primal,
        bound=certificate.dual,
        prices=solution.prices,
        institution_id=task.institution_id,
    )


def faults(certificate: Certificate, *, knows_all: bool = True) -> int:
    """How many would be cheaper elsewhere; at least one where the proof does not hold.

    A bound that does not know all limits (the joint form's, of the band for hard cases) may lie
    below the cost.

    Source:  feature U8.
    """
    holds = certificate.proven or not knows_all
    return certificate.violations if holds else max(certificate.violations, 1)


def _exhausted(task: CityTask) -> int:
    """How many have had all their rounds."""
    if task.rotation is None:
        return 0
    return sum(rounds_of(one) >= task.rotation.max_rounds for one in task.enterprises)


def _rows(
    task: CityTask, problem: Problem, solution: Solution, reasons: Reasons
) -> Iterable[PlanRow]:
    allocation, scored = solution.by_node, solution.by_node.scored
    nodes = [*problem.receivers, None]
    ids = [one and one.node_id for one in nodes]
    prices = np.append(_relative_prices(allocation), 0).tolist()
    columns = {
        name: getattr(reasons, name).tolist()
        for name in ("metres", "rank", "cheapest", "nearest", "runner_up", "cost_m", "extra_m",
                     "margin_m", "binding", "related", "alike", "tie")
    }  # fmt: skip
    seats = solution.seats
    if seats:
        columns["cost_m"] = (seats.score >> seats.shift).tolist()
        columns["tie"] = (seats.score & ((1 << min(TIE_BITS, seats.shift)) - 1)).tolist()
    hard, placed, free = (one.tolist() for one in (scored.hard, scored.city.placed, scored.free))
    for row, bank in enumerate(allocation.choice.tolist()):
        if not free[row]:
            continue
        here = nodes[bank]
        second = columns["runner_up"][row] if here else -1
        outlet = int(scored.nearest[row, bank]) if here else -1
        yield PlanRow(
            problem.enterprises[row].enterprise_id,
            task.city_code,
            task.to.value,
            institution_id=here.institution_id if here else task.institution_id,
            node_city=here.city_code if here else None,
            outlet_id=here.outlet_id if here else None,
            node_id=here.node_id if here else None,
            nearest_outlet_id=problem.outlets[outlet].outlet_id if outlet >= 0 else None,
            distance_m=columns["metres"][row] if here else None,
            reason={
                "distance_counted": placed[row],
                "has_relation": columns["related"][row],
                "same_type_as_before": columns["alike"][row],
                "hard": hard[row],
                "seated": seats is not None,
                "cost_m": columns["cost_m"][row] if here else None,
                "distance_rank": columns["rank"][row] if here else None,
                "cheapest_id": ids[columns["cheapest"][row]] if here else None,
                "nearest_id": ids[columns["nearest"][row]],
                "binding": BINDINGS[Binding(columns["binding"][row])],
                "price_m": prices[bank],
                "runner_up_id": ids[second],
                "runner_up_extra_m": columns["extra_m"][row] if second >= 0 else None,
                "margin_m": columns["margin_m"][row] if second >= 0 else None,
                "tie_number": columns["tie"][row] if here else None,
                "tie_seed": task.seed,
            },
        )


def _relative_prices(allocation: Allocation) -> Ints:
    """The price of a place in metres beside the city's cheapest bank: only differences decide."""
    prices = allocation.prices.max(axis=0, initial=0)
    return (prices - prices.min(initial=1 << 62)) >> allocation.scored.shift


def _loads(problem: Problem, allocation: Allocation, reasons: Reasons) -> Iterable[LoadRow]:
    scored = allocation.scored
    everybody, hard = held(allocation)
    fixed = np.bincount(allocation.choice[~scored.free], minlength=len(problem.receivers) + 1)
    metres = np.where(scored.free, reasons.metres, 0)
    travelled = np.bincount(
        allocation.choice, weights=metres, minlength=len(problem.receivers) + 1
    ).astype(np.int64)
    capacity = np.array([one.capacity for one in problem.receivers], dtype=np.int64)
    shares = quotas(capacity, len(problem.enterprises))
    slots = (allocation.slot_prices >> scored.shift).tolist()
    for at, one in enumerate(problem.receivers):
        here, share, kept = int(everybody[at]), int(shares[at]), int(fixed[at])
        yield LoadRow(
            one.city_code,
            bureau_code=None,
            institution_id=one.institution_id,
            capacity=one.capacity,
            carried=kept,
            quota=share,
            assigned=here - kept,
            hard=int(hard[at]),
            fill_bp=here * BP // one.capacity if one.capacity > 0 else 0,
            deviation_bp=(here - share) * BP // share if share > 0 else 0,
            mean_m=int(travelled[at]) // max(here - kept, 1),
            price_m=slots[0][at],
            fewer_m=slots[1][at],
            floor=min(int(scored.bounds[0, at]), len(problem.enterprises)),
            ceiling=min(int(scored.bounds[1, at]), len(problem.enterprises)),
            officers=one.officers,
            capacity_source=one.source,
            outlet_id=one.outlet_id,
            outlets=one.outlets,
            declared=one.declared,
            ability_bp=one.ability_bp,
        )


def quotas(capacities: Ints, total: int) -> Ints:
    """Whole numbers in proportion to `capacities` that sum to `total`: largest remainders.

    Of equal remainders the earlier column comes first. No capacity at all: all quotas are 0.

    Units:   enterprises.
    Source:  rule JS-07; feature A2.
    """
    everything = int(capacities.sum())
    if everything == 0:
        return np.zeros_like(capacities)
    whole = capacities * total // everything
    rest = capacities * total - whole * everything
    whole[np.argsort(-rest, kind="stable")[: total - int(whole.sum())]] += 1
    return whole


def evenness_bp(load: Iterable[LoadRow]) -> int:
    """Gini coefficient of how full the receivers are: 0 is perfectly even.

    Units:   basis points.
    Source:  feature A4.
    """
    return gini_bp([one.fill_bp for one in load if one.capacity > 0])


def warm_up() -> None:
    """Have everything compiled that a plan or a what-if needs, on two made enterprises."""
    bank, at = UUID(int=1), (118_000_000, 32_000_000)
    outlet = Outlet(UUID(int=2), bank, "000000", *at, officers=1)
    listed = tuple(Enterprise(UUID(int=3 + n), "000000", "000000", *at) for n in range(2))
    task = CityTask(
        "000000", 0, listed, (outlet,), {}, CapacityRules(), CostWeights(), FairnessBands(),
        current={listed[0].enterprise_id: bank},
    )  # fmt: skip
    problem = problem_of(task)
    what_if(problem.city, problem.policy, allocate(problem.city, problem.policy).choice)
    for form in FORMS:
        solve_city(replace(task, form=form))
