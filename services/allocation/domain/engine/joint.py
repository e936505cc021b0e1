"""Sharing out where outlets have capacities of their own: enterprise to outlet to bank, at once.

A bank first and its outlet later would promise places that are not there. The joint problem is one
flow; a library solves it on a few arcs for each enterprise, and all that were left out are priced,
until none would make it cheaper: then it is the optimum of the whole. Hard cases are a third family
of limits, beyond a flow: where they have a band, the outlets' prices go into the kernel, which
shares out by bank with both bands, and then each bank seats its own; the flow is the bound.
"""

from dataclasses import dataclass, replace

import numpy as np

from services.allocation.domain.engine.allocating import exact_sum, least_of, piecewise
from services.allocation.domain.engine.compiled import compiled
from services.allocation.domain.engine.flow import Network, Solver, lemon
from services.allocation.domain.engine.kernel import FAR, FORBIDDEN, optimise
from services.allocation.domain.engine.problem import (
    City,
    Flags,
    Floats,
    Ints,
    Policy,
    Smalls,
    in_order,
)
from services.allocation.domain.engine.scoring import (
    EARTH_RADIUS_M,
    LARGEST_OVERFLOW_BITS,
    NO_LIMIT,
    TIE_BITS,
    Keys,
    Scored,
    lottery_keys,
    mixed,
    pair_costs,
    score_city,
)

FIRST_ARCS = 16
MORE_ARCS = 12
MOST_ROUNDS = 200


@dataclass(frozen=True, slots=True, eq=False)
class JointAllocation:
    """A city shared out over outlets. `outlet` and `bank` of each row in order, -1: no place.

    `primal` is what this costs by the scores and the bands of all; `bound` what nothing can cost
    less than: equal without a band for hard cases. `arcs` were priced in `rounds` rounds.
    """

    scored: Scored
    outlet: Smalls
    bank: Smalls
    primal: int
    bound: int
    rounds: int
    arcs: int


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """What pricing needs: points, costs without distance, lottery keys, limits, one shift."""

    scored: Scored
    placed: Flags
    base: Ints
    rows: Keys
    columns: Keys
    shift: int
    overflow: Ints
    room: Ints
    far_m: int

    @property
    def step(self) -> int:
        return self.scored.policy.band_step_m << self.shift


def allocate_jointly(
    city: City, policy: Policy, *, solver: Solver = lemon, first_arcs: int = FIRST_ARCS
) -> JointAllocation:
    """Share a city out over its outlets and banks, nobody beyond what either can take.

    Units:   metres.
    Raises:  ValueError, where outlets have no capacities or somebody is fixed.
    Source:  rules JS-06, JS-07; feature A2.
    """
    if city.outlet_capacity is None or city.fixed is not None:
        raise ValueError("the joint form needs outlet capacities and nobody fixed")
    ground = _ground(score_city(in_order(city), policy))
    prices, outlet, bound, rounds, arcs = _flow(ground, solver, first_arcs)
    if policy.hard_bp is not None:
        outlet = _with_hard_band(ground, prices, outlet)
    bank = np.where(outlet >= 0, ground.scored.city.outlet_bank[outlet], -1).astype(np.int32)
    return JointAllocation(
        ground.scored, outlet, bank, _cost(ground, outlet, bank), bound, rounds, arcs
    )


def _ground(scored: Scored) -> _Ground:
    city, policy = scored.city, scored.policy
    assert city.outlet_capacity is not None  # allocate_jointly has looked
    nothing = np.zeros_like(scored.metres)
    base = pair_costs(city, replace(policy, max_m=None), nothing, scored.nearest)[:, :-1]
    far_m = 2**31 - 2 if policy.max_m is None else policy.max_m
    largest = int(np.where(base < FORBIDDEN, base, 0).max(initial=1)) + _widest(scored)
    nodes = 2 * (len(city.bank) + len(city.outlet)) + 4
    overflow_m = nodes * (largest + 4 * policy.band_step_m)
    shift = TIE_BITS + len(base).bit_length()
    shift -= max(0, overflow_m.bit_length() + shift - LARGEST_OVERFLOW_BITS)
    return _Ground(
        scored, city.placed, np.ascontiguousarray(base),
        lottery_keys(city.enterprise, policy.seed), lottery_keys(city.outlet, policy.seed),
        shift, np.full(len(base), overflow_m << shift, dtype=np.int64),
        city.outlet_capacity, far_m,
    )  # fmt: skip


def _widest(scored: Scored) -> int:
    """No way in the city is longer, in metres."""
    points = np.concatenate([scored.point, scored.outlet_point])
    span = points.max(axis=0, initial=-1) - points.min(axis=0, initial=1) if len(points) else 0
    return int(1.2 * EARTH_RADIUS_M * float(np.sqrt(np.square(span).sum()))) + 1


@compiled
def pair_score(
    unit: int, outlet: int, bank: int, firms: Floats, outlets: Floats, placed: Flags, base: Ints,
    rows: Keys, columns: Keys, shift: int, far_m: int,
) -> int:  # fmt: skip
    """The score of an enterprise at an outlet: way, policy, and their lottery number below."""
    if base[unit, bank] >= FORBIDDEN:
        return FORBIDDEN
    dx = outlets[outlet, 0] - firms[unit, 0]
    dy = outlets[outlet, 1] - firms[unit, 1]
    dz = outlets[outlet, 2] - firms[unit, 2]
    half = np.sqrt(dx * dx + dy * dy + dz * dz) / 2.0
    cube = half * half * half
    arc = half + cube / 6.0 + 3.0 * cube * half * half / 40.0
    metres = int(np.rint(2.0 * EARTH_RADIUS_M * arc))
    if metres > far_m:
        return FORBIDDEN
    if not placed[unit]:
        metres = 0
    mask = np.uint64((1 << min(TIE_BITS, shift)) - 1)
    tie = mixed(rows[unit] ^ columns[outlet]) & mask
    return ((base[unit, bank] + metres) << shift) + np.int64(tie)


@compiled
def best_arcs(
    most: int, limit: Ints, price: Ints, of_bank: Smalls, firms: Floats, outlets: Floats,
    placed: Flags, base: Ints, rows: Keys, columns: Keys, shift: int, far_m: int,
    arcs: Smalls, scores: Ints, least: Ints,
) -> None:  # fmt: skip
    """For each row the `most` outlets with the least score plus price below its `limit`."""
    values = np.empty(most, dtype=np.int64)
    for unit in range(len(rows)):
        arcs[unit] = -1
        values[:] = FAR
        least[unit] = FAR
        for outlet in range(len(columns)):
            bank = of_bank[outlet]
            score = pair_score(
                unit, outlet, bank, firms, outlets, placed, base, rows, columns, shift, far_m
            )
            if score >= FORBIDDEN:
                continue
            value = score + price[outlet]
            least[unit] = min(least[unit], value)
            if value >= limit[unit] or value >= values[most - 1]:
                continue
            at = most - 1
            while at > 0 and values[at - 1] > value:
                values[at] = values[at - 1]
                arcs[unit, at], scores[unit, at] = arcs[unit, at - 1], scores[unit, at - 1]
                at -= 1
            values[at] = value
            arcs[unit, at], scores[unit, at] = outlet, score


def _arcs(ground: _Ground, most: int, limit: Ints, price: Ints) -> tuple[Smalls, Ints, Ints]:
    units = len(ground.rows)
    arcs = np.full((units, most), -1, dtype=np.int32)
    scores, least = np.zeros((units, most), dtype=np.int64), np.zeros(units, dtype=np.int64)
    city = ground.scored.city
    best_arcs(
        most, limit, price, city.outlet_bank, ground.scored.point, ground.scored.outlet_point,
        ground.placed, ground.base, ground.rows, ground.columns, ground.shift, ground.far_m, arcs,
        scores, least,
    )  # fmt: skip
    return arcs, scores, least


def _flow(ground: _Ground, solver: Solver, first_arcs: int) -> tuple[Ints, Smalls, int, int, int]:
    """Outlet prices, the outlet of each row, the value, rounds and arcs of the joint flow."""
    units, outlets = len(ground.rows), len(ground.columns)
    nothing = np.zeros(outlets, dtype=np.int64)
    arcs, scores, _ = _arcs(ground, max(1, min(first_arcs, outlets)), ground.overflow, nothing)
    row, at = np.nonzero(arcs >= 0)
    tail, head, cost = row, arcs[row, at].astype(np.int64), scores[row, at]
    for rounds in range(1, MOST_ROUNDS):
        sent, node_prices = _solve_arcs(ground, solver, tail, head, cost)
        price = node_prices[units : units + outlets]
        # What a row pays now: a unit's own price is its cheapest arc with the price of the place.
        paid = np.minimum(ground.overflow, FAR)
        np.minimum.at(paid, tail, cost + price[head])
        arcs, scores, least = _arcs(ground, min(MORE_ARCS, max(outlets, 1)), paid, price)
        row, at = np.nonzero(arcs >= 0)
        if not len(row):
            outlet = np.full(units, -1, dtype=np.int32)
            outlet[tail[sent > 0]] = head[sent > 0]
            bound = _bound(ground, np.minimum(least, ground.overflow), node_prices[units:])
            return price, outlet, bound, rounds, len(tail)
        tail = np.concatenate([tail, row])
        head = np.concatenate([head, arcs[row, at].astype(np.int64)])
        cost = np.concatenate([cost, scores[row, at]])
    raise ArithmeticError("pricing did not come to an end")


def _solve_arcs(
    ground: _Ground, solver: Solver, tail: Ints, head: Ints, cost: Ints
) -> tuple[Ints, Ints]:
    """What is sent along each arc; and what one unit more at each node costs up to the sink."""
    units, outlets, banks = len(ground.rows), len(ground.columns), ground.base.shape[1]
    outlet_at, bank_at, sink = units, units + outlets, units + outlets + banks
    low, high, top = (np.minimum(one, units + 1) for one in ground.scored.bounds[:3])
    first = np.minimum(low, top)
    second = np.minimum(np.maximum(high, low), top)
    at, every = np.arange(banks) + bank_at, np.arange(outlets)
    two = np.full(len(tail), 2, dtype=np.int64)
    parts = [
        (tail, outlet_at + head, two, cost),
        (np.arange(units), np.full(units, sink), np.full(units, 2), ground.overflow),
        (outlet_at + every, bank_at + ground.scored.city.outlet_bank, ground.room, 0 * every),
    ]
    for number, size in enumerate((first, second - first, top - second)):
        parts.append((at, np.full(banks, sink), size, np.full(banks, number * ground.step)))
    supply = np.zeros(sink + 1, dtype=np.int64)
    supply[:units], supply[sink] = 1, -units
    tails, heads, sizes, costs = (
        np.concatenate(part).astype(np.int64) for part in zip(*parts, strict=True)
    )
    overflow = np.zeros(len(tails), dtype=np.bool_)
    overflow[len(tail) : len(tail) + units] = True
    sent = solver(Network(tails, heads, sizes, costs, supply, overflow))
    prices = _node_prices(tails, heads, sizes, costs, sent, sink)
    return sent[: len(tail)], prices


def _node_prices(tail: Ints, head: Ints, size: Ints, cost: Ints, sent: Ints, sink: int) -> Ints:
    """The smallest prices >= 0 that prove a flow: shortest ways on what is left of its arcs."""
    ahead, back = sent < size, sent > 0
    tails = np.concatenate([tail[ahead], head[back]])
    heads = np.concatenate([head[ahead], tail[back]])
    costs = np.concatenate([cost[ahead], -cost[back]])
    order = np.argsort(tails, kind="stable")
    first = np.searchsorted(tails[order], np.arange(sink + 2))
    dist = np.zeros(sink + 1, dtype=np.int64)
    settle(dist, first, heads[order], costs[order])
    return dist[sink] - dist


@compiled
def settle(dist: Ints, first: Ints, head: Ints, cost: Ints) -> None:
    """Bellman-Ford with a queue, on a graph without negative cycles."""
    nodes = len(dist)
    queue = np.arange(nodes)
    waiting = np.ones(nodes, dtype=np.bool_)
    start, count = 0, nodes
    while count > 0:
        node = queue[start]
        start = (start + 1) % nodes
        count -= 1
        waiting[node] = False
        for at in range(first[node], first[node + 1]):
            other, way = head[at], dist[node] + cost[at]
            if way < dist[other]:
                dist[other] = way
                if not waiting[other]:
                    waiting[other] = True
                    queue[(start + count) % nodes] = other
                    count += 1


def _bound(ground: _Ground, least: Ints, prices: Ints) -> int:
    """The dual value: no sharing-out over these outlets and banks costs less."""
    outlets = len(ground.columns)
    of_bank = ground.scored.city.outlet_bank
    bound = exact_sum(least)
    for outlet in range(outlets):
        gain = int(prices[outlet]) - int(prices[outlets + of_bank[outlet]])
        bound -= int(ground.room[outlet]) * max(gain, 0)
    for bank in range(ground.base.shape[1]):
        low, high, top = ground.scored.bounds[:3, bank].tolist()
        bound += least_of(low, high, top, ground.step, int(prices[outlets + bank]))
    return bound


def _cost(ground: _Ground, outlet: Smalls, bank: Smalls) -> int:
    """What a sharing-out costs: scores, the bands of all, and those without a place."""
    placed = np.flatnonzero(outlet >= 0)
    total = exact_sum(ground.overflow[outlet < 0])
    total += exact_sum(_scores_at(ground, placed, outlet[placed].astype(np.int64)))
    counts = np.bincount(bank[placed], minlength=ground.base.shape[1])
    for column, count in enumerate(counts.tolist()):
        low, high = ground.scored.bounds[:2, column].tolist()
        total += piecewise(count, low, high, ground.step)
    return total


def _scores_at(ground: _Ground, rows: Ints, outlets: Ints) -> Ints:
    found = np.empty(len(rows), dtype=np.int64)
    city = ground.scored.city
    each_score(
        rows, outlets, city.outlet_bank, ground.scored.point, ground.scored.outlet_point,
        ground.placed, ground.base, ground.rows, ground.columns, ground.shift, ground.far_m, found,
    )  # fmt: skip
    return found


@compiled
def each_score(
    units: Ints, at: Ints, of_bank: Smalls, firms: Floats, outlets: Floats, placed: Flags,
    base: Ints, rows: Keys, columns: Keys, shift: int, far_m: int, found: Ints,
) -> None:  # fmt: skip
    """The scores of given pairs."""
    for number in range(len(units)):
        found[number] = pair_score(
            units[number], at[number], int(of_bank[at[number]]), firms, outlets, placed, base, rows,
            columns, shift, far_m,
        )  # fmt: skip


def _with_hard_band(ground: _Ground, prices: Ints, flow: Smalls) -> Smalls:
    """By bank with both bands, the outlets' prices in the costs; then each bank seats its own.

    Where a bank's outlets within reach are too full for what it got, the flow stands as it is.
    """
    scored, city = ground.scored, ground.scored.city
    banks, units = ground.base.shape[1], len(ground.rows)
    own = prices - prices.min(initial=0)
    cost = np.full((units, banks + 1), FORBIDDEN, dtype=np.int64)
    cost[:, banks] = np.where(scored.hard, ground.overflow + ground.step, ground.overflow)
    for bank in range(banks):
        here = np.flatnonzero(city.outlet_bank == bank)
        cost[:, bank] = _pairs(ground, np.arange(units), here, own[here]).min(
            axis=1, initial=FORBIDDEN
        )
    bounds = scored.bounds.copy()
    bounds[2] = np.minimum(bounds[2], np.bincount(city.outlet_bank, ground.room, banks).astype(int))
    choice = np.full(units, banks, dtype=np.int32)
    optimise(cost, scored.hard, bounds, ground.step, choice)
    outlet = np.full(units, -1, dtype=np.int32)
    for bank in range(banks):
        rows = np.flatnonzero(choice == bank)
        here = np.flatnonzero(city.outlet_bank == bank)
        seats = _seats(ground, rows, here)
        if (seats == len(here)).any():
            return flow
        outlet[rows] = here[seats]
    return outlet


def _pairs(ground: _Ground, rows: Ints, outlets: Ints, price: Ints) -> Ints:
    row, at = np.repeat(rows, len(outlets)), np.tile(outlets, len(rows))
    scores = _scores_at(ground, row, at).reshape(len(rows), len(outlets))
    return np.where(scores < FORBIDDEN, scores + price, FORBIDDEN)


def _seats(ground: _Ground, rows: Ints, outlets: Ints) -> Smalls:
    """The outlet of each enterprise of one bank, by place in `outlets`; their number: none."""
    nothing = np.zeros(len(outlets), dtype=np.int64)
    pairs = _pairs(ground, rows, outlets, nothing)
    cost = np.concatenate([pairs, ground.overflow[rows][:, None]], axis=1)
    limits = np.full((5, len(outlets)), NO_LIMIT, dtype=np.int64)
    limits[2] = ground.room[outlets]
    choice = np.full(len(rows), len(outlets), dtype=np.int32)
    optimise(cost, np.zeros(len(rows), dtype=np.bool_), limits, ground.step, choice)
    return choice
