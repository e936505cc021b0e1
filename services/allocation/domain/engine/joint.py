"""Sharing out where outlets have capacities of their own: enterprise to outlet to bank, at once.

A bank first and its outlet later would promise places that are not there. The joint problem is one
flow; a library solves it on a few arcs for each enterprise, and all that were left out are priced,
until none would make it cheaper: then it is the optimum of the whole. Hard cases are a third family
of limits, beyond a flow: where they have a band, the outlets' prices go into the kernel, which
shares out by bank with both bands, and then each bank seats its own; the flow is the bound.
"""

from dataclasses import dataclass

import numpy as np

from services.allocation.domain.engine.allocating import (
    Allocation,
    exact_sum,
    least_of,
    piecewise,
)
from services.allocation.domain.engine.compiled import compiled
from services.allocation.domain.engine.flow import Network, Solver, lemon
from services.allocation.domain.engine.kernel import FAR
from services.allocation.domain.engine.pairing import Ground, best, ground_of, scores_at
from services.allocation.domain.engine.problem import City, Ints, Policy, Smalls, in_order
from services.allocation.domain.engine.scoring import Scored, score_city
from services.allocation.domain.engine.seating import Seated, flow_seats, hard_band_seats

FIRST_ARCS = 16
MORE_ARCS = 12
MOST_ROUNDS = 200


@dataclass(frozen=True, slots=True, eq=False)
class JointAllocation:
    """A city shared out over outlets. `outlet` and `bank` of each row in order, -1: no place.

    `primal` is what this costs by the scores and the bands of all; `bound` what nothing can cost
    less than, by `prices` of each outlet and then each bank: equal without a band for hard cases.
    `score` is that of each row at its outlet. `by_bank` is the same with the outlets' prices in the
    scores: what it takes to explain. `arcs` were priced in `rounds` rounds.
    """

    scored: Scored
    outlet: Smalls
    bank: Smalls
    primal: int
    bound: int
    rounds: int
    arcs: int
    prices: Ints
    score: Ints
    by_bank: Allocation
    shift: int
    overflow_m: int


def allocate_jointly(
    city: City, policy: Policy, *, solver: Solver = lemon, first_arcs: int = FIRST_ARCS
) -> JointAllocation:
    """Share a city out over its outlets and banks, nobody beyond what either can take.

    Units:   metres.
    Raises:  ValueError, where outlets have no capacities or somebody is fixed.
    Source:  rules JS-06, JS-07; feature A2.
    """
    if city.outlet_capacity is None or (city.fixed is not None and (city.fixed >= 0).any()):
        raise ValueError("the joint form needs outlet capacities and nobody fixed")
    ground = ground_of(score_city(in_order(city), policy))
    prices, outlet, bound, rounds, arcs = _flow(ground, solver, first_arcs)
    seated = None
    if policy.hard_bp is not None:
        seated = hard_band_seats(ground, prices[: len(ground.columns)])
    seated = seated or flow_seats(ground, prices, outlet)
    return _result(ground, seated, prices, bound, (rounds, arcs))


def _result(
    ground: Ground, seated: Seated, prices: Ints, bound: int, effort: tuple[int, int]
) -> JointAllocation:
    outlet = seated.outlet
    bank = np.where(outlet >= 0, ground.scored.city.outlet_bank[outlet], -1).astype(np.int32)
    placed = np.flatnonzero(outlet >= 0)
    score = np.zeros(len(outlet), dtype=np.int64)
    score[placed] = scores_at(ground, placed, outlet[placed].astype(np.int64))
    return JointAllocation(
        ground.scored, outlet, bank, _cost(ground, score, bank), bound, *effort,
        prices, score, seated.by_bank, ground.shift, ground.overflow_m,
    )  # fmt: skip


def _flow(ground: Ground, solver: Solver, first_arcs: int) -> tuple[Ints, Smalls, int, int, int]:
    """Prices of outlets and banks, the outlet of each row, the bound, rounds and arcs."""
    units, outlets = len(ground.rows), len(ground.columns)
    nothing = np.zeros(outlets, dtype=np.int64)
    arcs, scores, _ = best(ground, max(1, min(first_arcs, outlets)), ground.overflow, nothing)
    row, at = np.nonzero(arcs >= 0)
    tail, head, cost = row, arcs[row, at].astype(np.int64), scores[row, at]
    for rounds in range(1, MOST_ROUNDS):
        sent, node_prices = _solve_arcs(ground, solver, tail, head, cost)
        price = node_prices[units : units + outlets]
        # What a row pays now: a unit's own price is its cheapest arc with the price of the place.
        paid = np.minimum(ground.overflow, FAR)
        np.minimum.at(paid, tail, cost + price[head])
        arcs, scores, least = best(ground, min(MORE_ARCS, max(outlets, 1)), paid, price)
        row, at = np.nonzero(arcs >= 0)
        if not len(row):
            outlet = np.full(units, -1, dtype=np.int32)
            outlet[tail[sent > 0]] = head[sent > 0]
            bound = _bound(ground, np.minimum(least, ground.overflow), node_prices[units:])
            return node_prices[units:-1], outlet, bound, rounds, len(tail)
        tail = np.concatenate([tail, row])
        head = np.concatenate([head, arcs[row, at].astype(np.int64)])
        cost = np.concatenate([cost, scores[row, at]])
    raise ArithmeticError("pricing did not come to an end")


def _solve_arcs(
    ground: Ground, solver: Solver, tail: Ints, head: Ints, cost: Ints
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


def _bound(ground: Ground, least: Ints, prices: Ints) -> int:
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


def _cost(ground: Ground, score: Ints, bank: Smalls) -> int:
    """What a sharing-out costs: scores, the bands of all, and those without a place."""
    total = exact_sum(np.where(bank >= 0, score, ground.overflow))
    counts = np.bincount(bank[bank >= 0], minlength=ground.base.shape[1])
    for column, count in enumerate(counts.tolist()):
        low, high = ground.scored.bounds[:2, column].tolist()
        total += piecewise(count, low, high, ground.step)
    return total
