"""Share a city out: the proven optimum with its prices."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from services.allocation.domain.engine.auction import seats, trim
from services.allocation.domain.engine.kernel import FORBIDDEN, optimise
from services.allocation.domain.engine.problem import City, Halves, Ints, Policy, Smalls, in_order
from services.allocation.domain.engine.scoring import Scored, score_city

AUCTION_STEP_M = 300


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """The cost of what is and the bound that no sharing-out can go below; equal: it is optimal.

    Whole numbers in the unit of the scores. `violations` counts rows that would be cheaper
    elsewhere under the prices.
    """

    primal: int
    dual: int
    violations: int

    @property
    def proven(self) -> bool:
        """Whether this is a proof."""
        return self.primal == self.dual and self.violations == 0


@dataclass(frozen=True, slots=True, eq=False)
class Allocation:
    """A city shared out. `choice` is the bank of each row of `scored.city`, or their number: none.

    `prices` [class, bank] (easy, hard): what one more there costs the city. `slot_prices`
    [2, bank]: what one slot more would save, and one fewer would cost. All in units of the scores.
    """

    scored: Scored
    choice: Smalls
    prices: Ints
    slot_prices: Ints
    cancelled: int

    @property
    def digest(self) -> str:
        """SHA-256 of who got whom, by id."""
        return digest_of(self.scored.city.enterprise, self.scored.city.bank, self.choice)


def allocate(city: City, policy: Policy, *, start: Smalls | None = None) -> Allocation:
    """The cheapest sharing-out of a city under a policy, the same for every order of its rows.

    `start` is a sharing-out to begin from (rows of `city` as given): it decides about time only.

    Units:   metres.
    Raises:  ValueError, where exact integers have no room left.
    Source:  rules JS-06, JS-07, JS-19; features A2, A3, A4, U8.
    """
    ordered = in_order(city)
    if start is not None:
        start = in_order_like(city, start)
    return solve(score_city(ordered, policy), start=start)


def in_order_like(city: City, choice: Smalls) -> Smalls:
    """A choice for a city as given, for the same city in order."""
    rows = np.lexsort((city.enterprise[:, 1], city.enterprise[:, 0]))
    columns = np.lexsort((city.bank[:, 1], city.bank[:, 0]))
    places = np.append(np.argsort(columns), len(columns)).astype(np.int32)
    return places[np.where(choice < 0, len(columns), choice)[rows]]


def solve(scored: Scored, *, start: Smalls | None = None) -> Allocation:
    """As `allocate`, for a city that is scored already; `start` as its rows are."""
    free = scored.free
    everybody = bool(free.all())
    score = scored.score if everybody else scored.score[free]
    hard = scored.hard if everybody else scored.hard[free]
    bounds, banks = scored.bounds, scored.bounds.shape[1]
    if start is None:
        choice = seats(score, hard, bounds, AUCTION_STEP_M << scored.shift)
    else:
        choice = (start if everybody else start[free]).astype(np.int32)
        admissible = score[np.arange(len(choice)), choice] < FORBIDDEN
        choice[~admissible] = banks
        trim(bounds[2], choice)
    cancelled, prices, slots = optimise(score, hard, bounds, scored.step, choice)
    if cancelled < 0:
        raise ArithmeticError("the kernel did not come to an end")
    if not everybody and scored.city.fixed is not None:
        whole = scored.city.fixed.astype(np.int32)
        whole[free] = choice
        choice = whole
    return Allocation(scored, choice, prices, slots, cancelled)


def certify(allocation: Allocation) -> Certificate:
    """Primal and dual value as exact integers, from nothing but scores, bounds and prices."""
    scored = allocation.scored
    free = np.flatnonzero(scored.free)
    hard = scored.hard[free]
    score = scored.score[free]
    chosen = allocation.choice[free]
    banks = scored.bounds.shape[1]
    prices = np.concatenate([allocation.prices, np.zeros((2, 1), dtype=np.int64)], axis=1)
    priced = score + prices[hard.astype(np.int64)]
    least = priced.min(axis=1) if len(free) else np.empty(0, dtype=np.int64)
    rows = np.arange(len(free))
    primal = exact_sum(score[rows, chosen])
    dual = exact_sum(least)
    violations = int((priced[rows, chosen] > least).sum())
    total = np.bincount(chosen, minlength=banks + 1)
    sorrow = np.bincount(chosen[hard], minlength=banks + 1)
    for bank in range(banks):
        low, high, top, hard_low, hard_high = scored.bounds[:, bank].tolist()
        easy_price, hard_price = allocation.prices[:, bank].tolist()
        primal += piecewise(int(total[bank]), low, high, scored.step)
        primal += piecewise(int(sorrow[bank]), hard_low, hard_high, scored.step)
        dual += least_of(low, high, top, scored.step, easy_price)
        dual += least_of(hard_low, hard_high, len(free), scored.step, hard_price - easy_price)
    return Certificate(primal, dual, violations)


def exact_sum(values: Ints) -> int:
    """A sum that cannot overflow."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def piecewise(count: int, low: int, high: int, step: int) -> int:
    """What `count` places cost at a bank: nothing up to `low`, then a step, then two."""
    return step * (max(count - low, 0) + max(count - max(high, low), 0))


def least_of(low: int, high: int, top: int, step: int, price: int) -> int:
    """The least of cost minus income over all quantities from 0 to `top`."""
    corners = {0, min(low, top), min(max(high, low), top), top}
    return min(piecewise(count, low, high, step) - price * count for count in corners)


def digest_of(firms: Halves, nodes: Halves, choice: Smalls) -> str:
    """SHA-256 over 32 bytes for each enterprise by id: its id, its node's id (zeros: none)."""
    none: Halves = np.zeros((1, 2), dtype=np.uint64)
    ids = np.concatenate([nodes, none])[np.where(choice < 0, len(nodes), choice)]
    pairs = np.concatenate([firms, ids], axis=1)
    return sha256(pairs.astype(">u8").tobytes()).hexdigest()
