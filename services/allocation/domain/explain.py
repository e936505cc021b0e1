"""Why this bank: a reason for each enterprise, and how evenly the load is spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import numpy as np

from services.allocation.domain.splitting import BP, Split, quotas
from services.allocation.domain.transport import FORBIDDEN, Ints


class Binding(StrEnum):
    """What kept an enterprise from the institution that is cheapest for it alone."""

    NONE = "none"
    CAPACITY = "capacity"
    FAIR_SHARE = "fair_share"
    HARD_SHARE = "hard_share"
    OTHERS_FLOOR = "others_floor"
    NO_PLACE = "no_place"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One enterprise's reason, complete enough to be checked by hand.

    `distance_rank` 1 is the nearest admissible institution. `runner_up_extra_m` is by how much the
    runner-up costs more to this enterprise (below zero: it would be cheaper, but has no place for
    it); `margin_m` is the same with the price of a place at either added, and never below zero.
    """

    enterprise_id: UUID
    institution_id: UUID | None
    outlet_id: UUID | None
    metres: int | None
    distance_counted: bool
    has_relation: bool
    same_type_as_before: bool
    hard: bool
    cost_m: int | None
    distance_rank: int | None
    cheapest_id: UUID | None
    binding: Binding
    runner_up_id: UUID | None
    runner_up_extra_m: int | None
    margin_m: int | None
    tie_number: int | None
    tie_seed: int


@dataclass(frozen=True, slots=True)
class InstitutionLoad:
    """One institution's part. `assigned` is new, `carried` is kept from before.

    `deviation_bp` compares carried and assigned together with the capacity share; `price_m` is
    what one place more would save the city.
    """

    institution_id: UUID
    capacity: int
    carried: int
    quota: int
    floor: int
    ceiling: int
    assigned: int
    hard: int
    fill_bp: int
    deviation_bp: int
    mean_m: int
    price_m: int


@dataclass(frozen=True, slots=True)
class LoadReport:
    """How evenly a city's list was spread. `gini_bp` of the fill: 0 is perfectly even."""

    listed: int
    assigned: int
    unassigned: int
    gini_bp: int
    mean_m: int
    longest_m: int
    institutions: tuple[InstitutionLoad, ...]


def explanations(split: Split) -> tuple[Explanation, ...]:
    """A reason for every enterprise, in the order of their ids.

    Units:   metres and metre-equivalents.
    Source:  features A3, A4, U8; rules JS-07, JS-19.
    """
    if not split.costs.institutions:
        return tuple(_nowhere(split, row) for row in range(len(split.choice)))
    table = _Table(split)
    placed = split.placed.tolist()
    return tuple(
        table.explain(row) if here else _nowhere(split, row) for row, here in enumerate(placed)
    )


def _nowhere(split: Split, row: int) -> Explanation:
    one = split.costs.enterprises[row]
    hard = bool(split.costs.hard[row])
    return Explanation(
        one.enterprise_id,
        institution_id=None,
        outlet_id=None,
        metres=None,
        distance_counted=one.precision in split.costs.weights.distance_from,
        has_relation=False,
        same_type_as_before=False,
        hard=hard,
        cost_m=None,
        distance_rank=None,
        cheapest_id=None,
        binding=Binding.NO_PLACE,
        runner_up_id=None,
        runner_up_extra_m=None,
        margin_m=None,
        tie_number=None,
        tie_seed=split.costs.seed,
    )


class _Table:
    """What all explanations of a split need, computed for all rows at once."""

    def __init__(self, split: Split) -> None:
        costs = split.costs
        rows = np.arange(len(split.choice))
        own = np.minimum(split.choice, len(costs.institutions) - 1)
        priced = split.score + split.price[costs.hard.astype(np.int64)]
        priced = np.where(split.score >= FORBIDDEN, 2 * FORBIDDEN, priced)
        here = priced[rows, own].copy()
        priced[rows, own] = 4 * FORBIDDEN
        self.split = split
        self.own: list[int] = own.tolist()
        self.runner_up: list[int] = priced.argmin(axis=1).tolist()
        self.margin = (priced.min(axis=1) - here) >> split.shift
        self.cheapest: list[int] = split.score.argmin(axis=1).tolist()
        nearer = (costs.metres < costs.metres[rows, own][:, None]) & (costs.cost < FORBIDDEN)
        self.rank = nearer.sum(axis=1) + 1
        self.assigned = _counts(split.choice, len(costs.institutions))
        self.hard_assigned = _counts(split.choice[costs.hard], len(costs.institutions))
        self.ids = [one.institution_id for one in costs.institutions]

    def explain(self, row: int) -> Explanation:
        costs, own = self.split.costs, self.own[row]
        second = self.runner_up[row]
        has_second = bool(costs.cost[row, second] < FORBIDDEN) and second != own
        cost = int(costs.cost[row, own])
        return Explanation(
            costs.enterprises[row].enterprise_id,
            institution_id=self.ids[own],
            outlet_id=costs.outlets[int(costs.nearest[row, own])].outlet_id,
            metres=int(costs.metres[row, own]),
            distance_counted=costs.enterprises[row].precision in costs.weights.distance_from,
            has_relation=bool(costs.related[row, own]),
            same_type_as_before=bool(costs.same_type[row, own]),
            hard=bool(costs.hard[row]),
            cost_m=cost,
            distance_rank=int(self.rank[row]),
            cheapest_id=self.ids[self.cheapest[row]],
            binding=self._binding(row),
            runner_up_id=self.ids[second] if has_second else None,
            runner_up_extra_m=int(costs.cost[row, second]) - cost if has_second else None,
            margin_m=int(self.margin[row]) if has_second else None,
            tie_number=int(costs.tie[row, own]),
            tie_seed=costs.seed,
        )

    def _binding(self, row: int) -> Binding:
        """Which limit of the cheapest institution, or of the others, sent the enterprise on."""
        split, wanted = self.split, self.cheapest[row]
        if wanted == self.own[row]:
            return Binding.NONE
        taken = int(self.assigned[wanted])
        capacity = split.costs.institutions[wanted].capacity - int(split.carried[wanted])
        if taken >= capacity:
            return Binding.CAPACITY
        if taken >= int(split.ceiling[wanted]):
            return Binding.FAIR_SHARE
        if split.costs.hard[row] and self.hard_assigned[wanted] >= split.hard_ceiling[wanted]:
            return Binding.HARD_SHARE
        return Binding.OTHERS_FLOOR


def _counts(choice: Ints, banks: int) -> Ints:
    return np.bincount(choice, minlength=banks + 1)[:banks].astype(np.int64)


def load_report(split: Split) -> LoadReport:
    """Quota, load, fill and deviation of each institution, and the evenness of the whole.

    Units:   enterprises, basis points, metres.
    Source:  features A2, A4, U8; rule JS-07.
    """
    costs = split.costs
    banks = len(costs.institutions)
    capacity = np.array([one.capacity for one in costs.institutions], dtype=np.int64)
    assigned = _counts(split.choice, banks)
    hard = _counts(split.choice[costs.hard], banks)
    shares = quotas(capacity, len(costs.enterprises) + int(split.carried.sum()))
    rows = np.flatnonzero(split.placed)
    metres = costs.metres[rows, split.choice[rows]]
    travelled = [int(metres[split.choice[rows] == bank].sum()) for bank in range(banks)]
    load = tuple(
        InstitutionLoad(
            institution_id=one.institution_id,
            capacity=one.capacity,
            carried=int(split.carried[bank]),
            quota=int(shares[bank]),
            floor=int(split.floor[bank]),
            ceiling=int(split.ceiling[bank]),
            assigned=int(assigned[bank]),
            hard=int(hard[bank]),
            fill_bp=_ratio_bp(int(assigned[bank] + split.carried[bank]), one.capacity),
            deviation_bp=_deviation_bp(
                int(assigned[bank] + split.carried[bank]), int(shares[bank])
            ),
            mean_m=travelled[bank] // max(int(assigned[bank]), 1),
            price_m=_price_m(split, bank),
        )
        for bank, one in enumerate(costs.institutions)
    )
    return LoadReport(
        listed=len(costs.enterprises),
        assigned=len(rows),
        unassigned=len(costs.enterprises) - len(rows),
        gini_bp=gini_bp([one.fill_bp for one in load if one.capacity > 0]),
        mean_m=int(metres.sum()) // max(len(rows), 1),
        longest_m=int(metres.max(initial=0)),
        institutions=load,
    )


def _ratio_bp(part: int, whole: int) -> int:
    return part * BP // whole if whole > 0 else 0


def _deviation_bp(load: int, share: int) -> int:
    return (load - share) * BP // share if share > 0 else 0


def _price_m(split: Split, bank: int) -> int:
    """The price of a place relative to the city's cheapest: only differences decide."""
    prices = split.price.max(axis=0)
    return (int(prices[bank]) - int(prices.min())) >> split.shift


def gini_bp(values: Sequence[int]) -> int:
    """Gini coefficient of non-negative `values`: 0 all equal, towards 10,000 all with one.

    Units:   basis points, rounded down.
    Source:  feature A4 (load-spread report).
    """
    total, count = sum(values), len(values)
    if total == 0:
        return 0
    weighted = sum((2 * rank - count - 1) * value for rank, value in enumerate(sorted(values), 1))
    return weighted * BP // (count * total)
