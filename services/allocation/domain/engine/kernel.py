"""The exact sharing-out of one city, compiled: few banks, many enterprises, convex bands.

A minimum-cost flow on a graph as small as the banks. A node is a bank (its easy members move
straight between banks), a bank's hard cases, or the sink, which is where those without a place
stand. The length of an arc between two banks is the cheapest member to move. An auction puts nearly
everybody right; then every cycle of negative length is gone round until there is none, and no
negative cycle is the optimum, whatever the start was.
"""

import numpy as np

from services.allocation.domain.engine.compiled import compiled
from services.allocation.domain.engine.problem import Flags, Ints, Smalls

FORBIDDEN = 1 << 61
"""The score of a pair that must not be, and the length of an arc that is not there."""
FAR = 1 << 62
CANCELS_FOR_EACH = 20


@compiled
def slope(count: int, floor: int, ceiling: int, top: int, step: int) -> int:
    """What the next unit costs where `count` are: nothing, a step, two; none beyond `top`."""
    if count >= top:
        return FORBIDDEN
    return step * (int(count >= floor) + int(count >= ceiling))


@compiled
def refresh(bank: int, counts: Ints, bounds: Ints, step: int, arcs: Ints) -> None:
    """Set the lengths of the arcs at a bank: one more or fewer of all, one more or fewer hard."""
    total, hard = counts[0, bank], counts[1, bank]
    arcs[0, bank] = slope(total, bounds[0, bank], bounds[1, bank], bounds[2, bank], step)
    arcs[2, bank] = slope(hard, bounds[3, bank], bounds[4, bank], FORBIDDEN, step)
    arcs[1, bank] = FORBIDDEN
    if total > 0:
        arcs[1, bank] = -slope(total - 1, bounds[0, bank], bounds[1, bank], FORBIDDEN, step)
    arcs[3, bank] = FORBIDDEN
    if hard > 0:
        arcs[3, bank] = -slope(hard - 1, bounds[3, bank], bounds[4, bank], FORBIDDEN, step)


@compiled
def relax(
    node: int, sinks: int, length: Ints, arcs: Ints, dist: Ints, parent: Smalls, active: Flags
) -> None:
    """Shorten the way to every neighbour of `node` that is nearer through it."""
    here = dist[node]
    if node <= sinks:
        for bank in range(sinks):
            way = length[0, node, bank]
            if node == sinks:
                way = min(way, arcs[1, bank])
            if way < FORBIDDEN and here + way < dist[bank]:
                dist[bank], parent[bank], active[bank] = here + way, node, True
    if node < sinks:
        way = min(length[0, node, sinks], arcs[0, node])
        if way < FORBIDDEN and here + way < dist[sinks]:
            dist[sinks], parent[sinks], active[sinks] = here + way, node, True
        other, way = sinks + 1 + node, arcs[3, node]
        if way < FORBIDDEN and here + way < dist[other]:
            dist[other], parent[other], active[other] = here + way, node, True
        return
    bank = sinks if node == sinks else node - sinks - 1
    for column in range(sinks):
        way, other = length[1, bank, column], sinks + 1 + column
        if way < FORBIDDEN and here + way < dist[other]:
            dist[other], parent[other], active[other] = here + way, node, True
    if node == sinks:
        return
    way = length[1, bank, sinks]
    if way < FORBIDDEN and here + way < dist[sinks]:
        dist[sinks], parent[sinks], active[sinks] = here + way, node, True
    way = arcs[2, bank]
    if way < FORBIDDEN and here + way < dist[bank]:
        dist[bank], parent[bank], active[bank] = here + way, node, True


@compiled
def welcome(unit: int, kind: int, bank: int, cost: Ints, length: Ints, mover: Smalls) -> None:
    """Let a member stand for the arcs from `bank` on which it is the cheapest to move."""
    own = cost[unit, bank]
    for column in range(cost.shape[1]):
        value = cost[unit, column]
        if value < FORBIDDEN and column != bank and value - own < length[kind, bank, column]:
            length[kind, bank, column] = value - own
            mover[kind, bank, column] = unit


@compiled
def rescan(
    unit: int, kind: int, bank: int, cost: Ints, first: Smalls, after: Smalls,
    length: Ints, mover: Smalls,
) -> None:  # fmt: skip
    """Find again who moves cheapest on the arcs for which a member that has left stood."""
    columns = cost.shape[1]
    stale = np.empty(columns, dtype=np.int64)
    count = 0
    for column in range(columns):
        if mover[kind, bank, column] == unit:
            stale[count] = column
            count += 1
            length[kind, bank, column] = FORBIDDEN
            mover[kind, bank, column] = -1
    if count == 0:
        return
    member = first[kind, bank]
    while member >= 0:
        own = cost[member, bank]
        for at in range(count):
            column = stale[at]
            value = cost[member, column]
            if value < FORBIDDEN and value - own < length[kind, bank, column]:
                length[kind, bank, column] = value - own
                mover[kind, bank, column] = member
        member = after[member]


@compiled
def arc(tail: int, head: int, sinks: int, length: Ints, arcs: Ints) -> tuple[int, int, int]:
    """The length of an arc and, where a member moves along it, its class and bank (else -1)."""
    if tail < sinks and head == sinks + 1 + tail:
        return arcs[3, tail], -1, -1
    if tail > sinks and head == tail - sinks - 1:
        return arcs[2, head], -1, -1
    if tail < sinks and head == sinks and arcs[0, tail] <= length[0, tail, sinks]:
        return arcs[0, tail], -1, -1
    if tail == sinks and head < sinks and arcs[1, head] <= length[0, sinks, head]:
        return arcs[1, head], -1, -1
    kind = int(tail > sinks or head > sinks)
    origin = tail - sinks - 1 if tail > sinks else tail
    target = head - sinks - 1 if head > sinks else head
    return length[kind, origin, target], kind, origin


@compiled
def go_round(
    cycle: Smalls, count: int, cost: Ints, choice: Smalls, counts: Ints, bounds: Ints, step: int,
    first: Smalls, after: Smalls, before: Smalls, length: Ints, mover: Smalls, arcs: Ints,
) -> int:  # fmt: skip
    """Move one member along each arc of the cycle while that makes the whole cheaper.

    `cycle` holds the nodes against the direction of the arcs. Returns how often it was gone round.
    """
    sinks = cost.shape[1] - 1
    moved = np.empty((count, 4), dtype=np.int64)
    rounds = 0
    while True:
        total, moves = 0, 0
        for at in range(count):
            head, tail = cycle[at], cycle[(at + 1) % count]
            way, kind, origin = arc(tail, head, sinks, length, arcs)
            if way >= FORBIDDEN:
                return rounds
            total += way
            if kind >= 0:
                target = head - sinks - 1 if head > sinks else head
                moved[moves, 0] = mover[kind, origin, target]
                moved[moves, 1], moved[moves, 2], moved[moves, 3] = kind, origin, target
                moves += 1
        if total >= 0:
            return rounds
        rounds += 1
        for at in range(moves):
            unit, kind, origin, target = moved[at]
            if before[unit] >= 0:
                after[before[unit]] = after[unit]
            else:
                first[kind, origin] = after[unit]
            if after[unit] >= 0:
                before[after[unit]] = before[unit]
            before[unit], after[unit] = -1, first[kind, target]
            if after[unit] >= 0:
                before[after[unit]] = unit
            first[kind, target] = unit
            choice[unit] = target
            counts[0, origin] -= 1
            counts[0, target] += 1
            counts[1, origin] -= kind
            counts[1, target] += kind
        for at in range(moves):
            unit, kind, origin, target = moved[at]
            welcome(unit, kind, target, cost, length, mover)
            rescan(unit, kind, origin, cost, first, after, length, mover)
            if origin < sinks:
                refresh(origin, counts, bounds, step, arcs)
            if target < sinks:
                refresh(target, counts, bounds, step, arcs)


@compiled
def cycles(parent: Smalls, marks: Smalls, found: Smalls) -> int:
    """How many cycles the parents form; their nodes in `found`, each cycle ended by -1."""
    marks[:] = 0
    used = 0
    count = 0
    for start in range(len(parent)):
        node = start
        while node >= 0 and marks[node] == 0:
            marks[node] = start + 1
            node = parent[node]
        if node >= 0 and marks[node] == start + 1:
            count += 1
            at = node
            while True:
                found[used] = at
                used += 1
                at = parent[at]
                if at == node:
                    break
            found[used] = -1
            used += 1
    return count


@compiled
def network(
    cost: Ints, hard: Flags, bounds: Ints, step: int, choice: Smalls, counts: Ints, first: Smalls,
    after: Smalls, before: Smalls, length: Ints, mover: Smalls, arcs: Ints,
) -> None:  # fmt: skip
    """Fill members, counts and arcs from a choice."""
    sinks = cost.shape[1] - 1
    first[:] = -1
    length[:] = FORBIDDEN
    mover[:] = -1
    for unit in range(len(choice)):
        kind, bank = int(hard[unit]), choice[unit]
        counts[0, bank] += 1
        counts[1, bank] += kind
        before[unit], after[unit] = -1, first[kind, bank]
        if after[unit] >= 0:
            before[after[unit]] = unit
        first[kind, bank] = unit
        welcome(unit, kind, bank, cost, length, mover)
    for bank in range(sinks):
        refresh(bank, counts, bounds, step, arcs)


@compiled
def optimise(
    cost: Ints, hard: Flags, bounds: Ints, step: int, choice: Smalls
) -> tuple[int, Ints, Ints]:
    """Make `choice` the optimum; how many cycles it took (-1: too many), prices, and slot prices.

    `bounds` [5, bank]: floor, ceiling and capacity of all, floor and ceiling of the hard cases.
    Prices [class, bank]: what one more enterprise of that class there costs the city; the least
    that prove the optimum. Slot prices [2, bank]: what one slot more saves, one fewer costs.
    """
    units, sinks = cost.shape[0], cost.shape[1] - 1
    nodes = 2 * sinks + 1
    counts = np.zeros((2, sinks + 1), dtype=np.int64)
    first = np.empty((2, sinks + 1), dtype=np.int32)
    after = np.empty(units, dtype=np.int32)
    before = np.empty(units, dtype=np.int32)
    length = np.empty((2, sinks + 1, sinks + 1), dtype=np.int64)
    mover = np.empty((2, sinks + 1, sinks + 1), dtype=np.int32)
    arcs = np.empty((4, sinks), dtype=np.int64)
    network(cost, hard, bounds, step, choice, counts, first, after, before, length, mover, arcs)
    dist = np.zeros(nodes, dtype=np.int64)
    parent = np.full(nodes, -1, dtype=np.int32)
    active = np.ones(nodes, dtype=np.bool_)
    marks = np.empty(nodes, dtype=np.int32)
    found = np.empty(2 * nodes, dtype=np.int32)
    cancelled, most = 0, CANCELS_FOR_EACH * units + 1_000
    while True:
        for node in range(nodes):
            if active[node]:
                active[node] = False
                relax(node, sinks, length, arcs, dist, parent, active)
        if not active.any():
            break
        number = cycles(parent, marks, found)
        if number == 0:
            continue
        start = 0
        for _ in range(number):
            end = start
            while found[end] >= 0:
                active[found[end]] = True
                end += 1
            cancelled += go_round(
                found[start:end], end - start, cost, choice, counts, bounds, step,
                first, after, before, length, mover, arcs,
            )  # fmt: skip
            start = end + 1
        parent[:] = -1
        if dist.min() < -(FORBIDDEN // 4):
            dist[:] = 0
            active[:] = True
        if cancelled > most:
            return -1, np.zeros((2, sinks), dtype=np.int64), np.zeros((2, sinks), dtype=np.int64)
    return (
        cancelled,
        prices(sinks, length, arcs),
        slots(sinks, length, arcs, counts, bounds, step),
    )


@compiled
def shortest(dist: Ints, sinks: int, length: Ints, arcs: Ints, active: Flags) -> None:
    """Bellman-Ford on a graph that has no negative cycle."""
    parent = np.empty(len(dist), dtype=np.int32)
    while active.any():
        for node in range(len(dist)):
            if active[node]:
                active[node] = False
                relax(node, sinks, length, arcs, dist, parent, active)


@compiled
def prices(sinks: int, length: Ints, arcs: Ints) -> Ints:
    """The smallest prices >= 0 under which everybody stands where it is cheapest."""
    dist = np.zeros(2 * sinks + 1, dtype=np.int64)
    shortest(dist, sinks, length, arcs, np.ones(len(dist), dtype=np.bool_))
    found = np.empty((2, sinks), dtype=np.int64)
    found[0], found[1] = -dist[:sinks], -dist[sinks + 1 :]
    return found


@compiled
def slots(sinks: int, length: Ints, arcs: Ints, counts: Ints, bounds: Ints, step: int) -> Ints:
    """What a slot more would save at each bank, and what a slot fewer would cost."""
    nodes = 2 * sinks + 1
    found = np.zeros((2, sinks), dtype=np.int64)
    dist = np.full(nodes, FAR, dtype=np.int64)
    active = np.zeros(nodes, dtype=np.bool_)
    dist[sinks], active[sinks] = 0, True
    shortest(dist, sinks, length, arcs, active)
    parent = np.empty(nodes, dtype=np.int32)
    for bank in range(sinks):
        total, top = counts[0, bank], bounds[2, bank]
        if total < top:
            continue
        if dist[bank] < FORBIDDEN:
            more = slope(total, bounds[0, bank], bounds[1, bank], FORBIDDEN, step)
            found[0, bank] = max(0, -(more + dist[bank]))
        if total > 0:
            away = np.full(nodes, FAR, dtype=np.int64)
            active[:] = False
            away[bank], active[bank] = 0, True
            while active.any():
                for node in range(nodes):
                    if active[node]:
                        active[node] = False
                        if node != sinks:
                            relax(node, sinks, length, arcs, away, parent, active)
            found[1, bank] = away[sinks] + arcs[1, bank]
    return found
