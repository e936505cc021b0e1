"""How good and how fair a sharing-out is, in a handful of numbers that can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.allocation.domain.engine.allocating import Allocation
from services.allocation.domain.engine.explaining import held
from services.allocation.domain.engine.kernel import FORBIDDEN
from services.allocation.domain.engine.problem import BP, Ints


@dataclass(frozen=True, slots=True)
class Measures:
    """One city or many. Costs are sums of metre-equivalents without stickiness or steps.

    `excess_m` is over the bound that no capacity would allow to go below: everybody at the
    cheapest bank. `gini_bp` is of how full the banks are, `hard_gini_bp` of the hard cases for
    each slot; `hard_off_bp` the widest a bank's hard cases are from its capacity share.
    """

    enterprises: int
    placed: int
    cost_m: int
    excess_m: int
    travelled_m: int
    longest_m: int
    gini_bp: int
    hard_gini_bp: int
    hard_off_bp: int

    @property
    def mean_m(self) -> int:
        """Metres to an enterprise's bank, on average."""
        return self.travelled_m // max(self.placed, 1)


def measure_all(allocations: Sequence[Allocation]) -> Measures:
    """Measures of a whole province.

    Units:   metres, enterprises, basis points.
    Source:  features A4, U8.
    """
    parts = [_sums(one) for one in allocations]
    fills = np.concatenate([np.zeros(0), *(_fills(one)[0] for one in allocations)])
    hards = np.concatenate([np.zeros(0), *(_fills(one)[1] for one in allocations)])
    return Measures(
        enterprises=sum(len(one.choice) for one in allocations),
        placed=sum(part[0] for part in parts),
        cost_m=sum(part[1] for part in parts),
        excess_m=sum(part[1] - part[2] for part in parts),
        travelled_m=sum(part[3] for part in parts),
        longest_m=max((part[4] for part in parts), default=0),
        gini_bp=gini_bp([int(one) for one in fills.tolist()]),
        hard_gini_bp=gini_bp([int(one) for one in hards.tolist()]),
        hard_off_bp=max((_hard_off_bp(one) for one in allocations), default=0),
    )


def _sums(allocation: Allocation) -> tuple[int, int, int, int, int]:
    """Placed, their cost, the least it could be for them, metres in all, the longest way."""
    scored, choice = allocation.scored, allocation.choice
    banks = scored.bounds.shape[1]
    rows = np.flatnonzero((choice < banks) & scored.free)
    cost = scored.score[rows] >> scored.shift
    least = np.where(scored.score[rows, :banks] < FORBIDDEN, cost[:, :banks], FORBIDDEN)
    metres = scored.metres[rows, choice[rows]].astype(np.int64)
    return (
        len(rows),
        int(cost[np.arange(len(rows)), choice[rows]].sum()),
        int(least.min(axis=1).sum()) if len(rows) else 0,
        int(metres.sum()),
        int(metres.max(initial=0)),
    )


def _fills(allocation: Allocation) -> tuple[Ints, Ints]:
    """Each bank's part of its capacity share of what its city's banks have, in basis points."""
    capacity = allocation.scored.city.capacity
    some = capacity > 0
    whole = int(capacity.sum())
    found = [
        part[some] * whole * BP // np.maximum(capacity[some] * int(part.sum()), 1)
        for part in held(allocation)
    ]
    return found[0], found[1]


def _hard_off_bp(allocation: Allocation) -> int:
    """The widest distance of a bank's hard cases from its share; a single case is no distance.

    The share is the one the band is around: of all hard cases, as capacity is to room or list.
    """
    _, hard = held(allocation)
    capacity = allocation.scored.city.capacity
    whole = max(int(capacity.sum()), len(allocation.choice), 1)
    share = capacity * int(allocation.scored.hard.sum())
    beyond = np.maximum(np.abs(hard * whole - share) - whole, 0)
    return int((beyond * BP // np.maximum(share, 1)).max(initial=0))


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
