"""Where outlets have limits: who sits where, and what that looks like from the banks.

After the flow every outlet has a price. With it in the scores a bank costs what its best outlet
costs; so the kernel can keep the band for hard cases, and a reason can name a runner-up.
"""

from dataclasses import dataclass, replace

import numpy as np

from services.allocation.domain.engine.allocating import Allocation
from services.allocation.domain.engine.kernel import FORBIDDEN, optimise
from services.allocation.domain.engine.pairing import Ground, pairs
from services.allocation.domain.engine.problem import Ints, Smalls
from services.allocation.domain.engine.scoring import NO_LIMIT, Scored, metres_between


@dataclass(frozen=True, slots=True, eq=False)
class Seated:
    """The outlet of each row (-1: no place), and the same by bank with the outlets' prices."""

    outlet: Smalls
    by_bank: Allocation


def hard_band_seats(ground: Ground, prices: Ints) -> Seated | None:
    """By bank with both bands, the outlets' prices in the costs; then each bank seats its own.

    None where a bank's outlets within reach are too full for what it got.
    """
    scored, city = ground.scored, ground.scored.city
    cost = _by_bank(ground, prices - prices.min(initial=0))
    banks = cost.shape[1] - 1
    cost[:, banks] += np.where(scored.hard, ground.step, 0)
    bounds = _bounds(ground, banks)
    choice = np.full(len(ground.rows), banks, dtype=np.int32)
    cancelled, paid, slots = optimise(cost, scored.hard, bounds, ground.step, choice)
    outlet = np.full(len(ground.rows), -1, dtype=np.int32)
    for bank in range(banks):
        rows = np.flatnonzero(choice == bank)
        here = np.flatnonzero(city.outlet_bank == bank)
        seats = _seats(ground, rows, here)
        if (seats == len(here)).any():
            return None
        outlet[rows] = here[seats]
    seen = _seen(ground, cost, bounds, outlet)
    return Seated(outlet, Allocation(seen, choice, paid, slots, cancelled))


def flow_seats(ground: Ground, prices: Ints, outlet: Smalls) -> Seated:
    """The flow as it is: a bank's own price apart from its outlets'."""
    city, outlets = ground.scored.city, len(ground.columns)
    of_bank = prices[outlets:]
    cost = _by_bank(ground, prices[:outlets] - of_bank[city.outlet_bank])
    banks = cost.shape[1] - 1
    bounds = _bounds(ground, banks)
    choice = np.where(outlet >= 0, city.outlet_bank[outlet], banks).astype(np.int32)
    count = np.bincount(choice, minlength=banks + 1)[:banks]
    steps = (count >= bounds[0]).astype(np.int64) + (count >= np.maximum(bounds[0], bounds[1]))
    more = np.where(count >= bounds[2], np.maximum(of_bank - steps * ground.step, 0), 0)
    seen = _seen(ground, cost, bounds, outlet)
    both = np.stack([of_bank, of_bank])
    return Seated(outlet, Allocation(seen, choice, both, np.stack([more, more]), 0))


def _by_bank(ground: Ground, price: Ints) -> Ints:
    """[row, bank]: the least score with price over the bank's outlets; no place last."""
    banks, units = ground.base.shape[1], len(ground.rows)
    cost = np.full((units, banks + 1), FORBIDDEN, dtype=np.int64)
    cost[:, banks] = ground.overflow
    for bank in range(banks):
        here = np.flatnonzero(ground.scored.city.outlet_bank == bank)
        cost[:, bank] = pairs(ground, np.arange(units), here, price[here]).min(
            axis=1, initial=FORBIDDEN
        )
    return cost


def _bounds(ground: Ground, banks: int) -> Ints:
    bounds = ground.scored.bounds.copy()
    room = np.bincount(ground.scored.city.outlet_bank, ground.room, banks).astype(np.int64)
    bounds[2] = np.minimum(bounds[2], room)
    return bounds


def _seen(ground: Ground, cost: Ints, bounds: Ints, outlet: Smalls) -> Scored:
    """The scored city as it is explained: everybody at the outlet it has."""
    scored, city = ground.scored, ground.scored.city
    rows = np.flatnonzero(outlet >= 0)
    at = outlet[rows]
    metres, nearest = scored.metres.copy(), scored.nearest.copy()
    metres[rows, city.outlet_bank[at]] = metres_between(scored.point[rows], scored.outlet_point[at])
    nearest[rows, city.outlet_bank[at]] = at
    return replace(
        scored, score=cost, bounds=bounds, metres=metres, nearest=nearest, shift=ground.shift,
        overflow_m=ground.overflow_m,
    )  # fmt: skip


def _seats(ground: Ground, rows: Ints, outlets: Ints) -> Smalls:
    """The outlet of each enterprise of one bank, by place in `outlets`; their number: none."""
    nothing = np.zeros(len(outlets), dtype=np.int64)
    cost = np.concatenate(
        [pairs(ground, rows, outlets, nothing), ground.overflow[rows][:, None]], axis=1
    )
    limits = np.full((5, len(outlets)), NO_LIMIT, dtype=np.int64)
    limits[2] = ground.room[outlets]
    choice = np.full(len(rows), len(outlets), dtype=np.int32)
    optimise(cost, np.zeros(len(rows), dtype=np.bool_), limits, ground.step, choice)
    return choice
