"""Exact transportation of many units to few sinks, with hard capacities and convex bands.

Every unit of a list goes to one of a few dozen sinks. The problem is a minimum-cost flow whose
graph is as small as the sinks: units of one class at one sink are one node, and the cheapest
member to move is the length of the arc between two such nodes. A dual start (prices) puts nearly
everybody right, shortest augmenting paths on the small graph then repair the rest exactly.

Whatever the start, the flow is optimal for the quantities it carries, and stays so along shortest
paths; so quality of the start decides about time only, never about the answer.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

FORBIDDEN = 1 << 60
"""Cost of a pair that must not be. Larger than any sum of real costs along a path."""
REACHED = 1 << 59
"""A path shorter than this exists; anything longer runs over a forbidden pair."""
LARGEST_OVERFLOW = 1 << 57
START_ROUNDS = 160
START_DECAY = 0.94


@dataclass(frozen=True, slots=True)
class Limits:
    """What each sink takes. The first units are free, then a step, then two, then none.

    `floor`, `ceiling`, `capacity` hold one number for each sink and count all units there.
    `class_floor`, `class_ceiling` count the units of one class at each sink: [class, sink].
    """

    capacity: Ints
    floor: Ints
    ceiling: Ints
    class_floor: Ints
    class_ceiling: Ints
    step: int


@dataclass(frozen=True, slots=True)
class Flow:
    """The answer: the sink of each unit (the number of sinks means: none) and its proof.

    `price` [class, sink] is what one place more for that class at that sink would save.
    `violations` counts reduced costs below zero under these prices; 0 proves the optimum.
    """

    choice: Ints
    price: Ints
    augmentations: int
    violations: int


def solve(cost: Ints, unit_class: Ints, limits: Limits, *, overflow: int) -> Flow:
    """The cheapest assignment of every unit to one sink, or to none at the price `overflow`.

    Units:   `cost` [unit, sink], `limits.step` and `overflow` in one integer unit of the
             caller's choice; no cost above `overflow`, no sum of the costs along a path above
             2**58; `FORBIDDEN` marks pairs that must not be.
    Raises:  ValueError, where a cost is out of range.
    Source:  rules JS-06, JS-07, JS-19.
    """
    real = cost[cost < FORBIDDEN]
    if real.size and (int(real.min()) < 0 or int(real.max()) > overflow):
        raise ValueError("cost out of range")
    if not 0 <= overflow <= LARGEST_OVERFLOW:
        raise ValueError("overflow out of range")
    network = _Network(_with_overflow(cost, overflow), unit_class, limits)
    network.start(_start_prices(network))
    augmentations = 0
    while network.augment():
        augmentations += 1
    price = network.prices()
    return Flow(network.choice(), price, augmentations, network.violations(price))


def _with_overflow(cost: Ints, overflow: int) -> Ints:
    column = np.full((cost.shape[0], 1), overflow, dtype=np.int64)
    return np.ascontiguousarray(np.concatenate([cost, column], axis=1))


class _Network:
    """The residual graph: class nodes (class, sink), sink nodes, and one drain."""

    def __init__(self, cost: Ints, unit_class: Ints, limits: Limits) -> None:
        self.cost = cost
        self.unit_class = unit_class.astype(np.int64)
        units = len(cost)
        self.sinks: int = cost.shape[1]
        self.classes: int = limits.class_floor.shape[0]
        self.step = limits.step
        self.first_sink = self.classes * self.sinks
        self.drain = self.first_sink + self.sinks
        self.bounds = _bounds(limits, units)
        size = self.drain + 1
        self.length = np.full((size, size), FORBIDDEN, dtype=np.int64)
        self.mover = np.full((self.first_sink, self.sinks), -1, dtype=np.int64)
        self.node = np.zeros(units, dtype=np.int16)
        self.sent = np.zeros(self.drain, dtype=np.int64)
        self.excess = np.zeros(size, dtype=np.int64)

    def choice(self) -> Ints:
        """The sink at which each unit stands."""
        return (self.node % self.sinks).astype(np.int64)

    def start(self, price: Ints) -> None:
        """Everybody to the sink that is cheapest under `price`; what does not fit is excess."""
        by_class = price[: self.first_sink].reshape(self.classes, self.sinks)
        best = np.zeros(len(self.cost), dtype=np.int64)
        for number in range(self.classes):
            rows = self.unit_class == number
            best[rows] = (self.cost[rows] + by_class[number]).argmin(axis=1)
        self.node = (self.unit_class * self.sinks + best).astype(np.int16)
        here = np.bincount(self.node, minlength=self.first_sink).astype(np.int64)
        lowest, highest = _wanted(self.bounds, self.slopes(price), self.step)
        self.sent[: self.first_sink] = np.clip(
            here, lowest[: self.first_sink], highest[: self.first_sink]
        )
        arriving = self._arriving()
        self.sent[self.first_sink :] = np.clip(
            arriving, lowest[self.first_sink :], highest[self.first_sink :]
        )
        self.excess[: self.first_sink] = here - self.sent[: self.first_sink]
        self.excess[self.first_sink : self.drain] = arriving - self.sent[self.first_sink :]
        self.excess[self.drain] = self.sent[self.first_sink :].sum() - len(self.cost)
        for node in range(self.first_sink):
            self._rescan(node, np.arange(self.sinks))
        for node in range(self.drain):
            self._reopen(node)

    def slopes(self, price: Ints) -> Ints:
        """The price drop along each arc that leaves a class node or a sink node."""
        sink_price = price[self.first_sink :]
        return np.concatenate(
            [price[: self.first_sink] - np.tile(sink_price, self.classes), sink_price]
        )

    def _arriving(self) -> Ints:
        per_class = self.sent[: self.first_sink].reshape(self.classes, self.sinks)
        return per_class.sum(axis=0)

    def _after(self, node: int) -> int:
        """The node to which a class node or sink node sends."""
        return self.drain if node >= self.first_sink else self.first_sink + node % self.sinks

    def _reopen(self, node: int) -> None:
        """Set the lengths of the two arcs between a node and the one it sends to."""
        sent = int(self.sent[node])
        low, middle, high = (int(bound) for bound in self.bounds[node])
        after = self._after(node)
        more = self.step * ((sent >= low) + (sent >= middle))
        fewer = self.step * ((sent > low) + (sent > middle))
        self.length[node, after] = more if sent < high else FORBIDDEN
        self.length[after, node] = -fewer if sent > 0 else FORBIDDEN

    def _rescan(self, node: int, sinks: Ints) -> None:
        """Find again who of `node` would move to each of `sinks` at the least extra cost."""
        block = node - node % self.sinks
        members = np.flatnonzero(self.node == node)
        if not members.size:
            self.length[node, block + sinks] = FORBIDDEN
            self.mover[node, sinks] = -1
            return
        extra = self.cost[members[:, None], sinks] - self.cost[members, node % self.sinks][:, None]
        first = extra.argmin(axis=0)
        lengths = extra[first, np.arange(len(sinks))]
        lengths[lengths >= REACHED] = FORBIDDEN
        lengths[sinks == node % self.sinks] = FORBIDDEN
        self.length[node, block + sinks] = lengths
        self.mover[node, sinks] = members[first]

    def _welcome(self, unit: int, node: int) -> None:
        """Let a unit that has come to `node` stand for the arcs on which it is cheapest."""
        home = node % self.sinks
        block = node - home
        extra = self.cost[unit] - self.cost[unit, home]
        row = self.length[node, block : block + self.sinks]
        better = (extra < row) & (extra < REACHED)
        better[home] = False
        row[better] = extra[better]
        self.mover[node, better] = unit

    def augment(self) -> bool:
        """Send one unit of excess along a shortest path to where one is wanted."""
        sources = np.flatnonzero(self.excess > 0)
        if not sources.size:
            return False
        distance, parent = _shortest(self.length, sources)
        wanting = np.flatnonzero(self.excess < 0)
        target = int(wanting[distance[wanting].argmin()])
        if int(distance[target]) >= REACHED:
            # Overflow takes everybody, so a path always exists unless the network is damaged.
            raise ArithmeticError("excess cannot reach any want")
        path = [target]
        while parent[path[-1]] >= 0:
            path.append(int(parent[path[-1]]))
        path.reverse()
        self.excess[path[0]] -= 1
        self.excess[target] += 1
        self._push(path)
        return True

    def _push(self, path: list[int]) -> None:
        moves: list[tuple[int, int, int]] = []
        for tail, head in pairwise(path):
            if tail < self.first_sink and head < self.first_sink:
                moves.append((int(self.mover[tail, head % self.sinks]), tail, head))
                continue
            forward = self._after(tail) == head if tail < self.drain else False
            sender = tail if forward else head
            self.sent[sender] += 1 if forward else -1
            self._reopen(sender)
        for unit, _, head in moves:
            self.node[unit] = head
        for unit, _, head in moves:
            self._welcome(unit, head)
        for unit, tail, _ in moves:
            self._rescan(tail, np.flatnonzero(self.mover[tail] == unit))

    def prices(self) -> Ints:
        """What one place more at each class node would save: shortest paths from the drain.

        Never below zero, because a place may stay empty.
        """
        distance, _ = _shortest(self.length, np.array([self.drain]))
        saved = -distance[: self.first_sink].reshape(self.classes, self.sinks)
        return np.maximum(saved, 0)

    def violations(self, price: Ints) -> int:
        """How many units would be cheaper elsewhere under `price`, or excess is left over."""
        chosen = self.choice()
        count = int(np.abs(self.excess).sum())
        for number in range(self.classes):
            rows = np.flatnonzero(self.unit_class == number)
            total = self.cost[rows] + price[number]
            own = total[np.arange(len(rows)), chosen[rows]]
            count += int((total.min(axis=1, initial=4 * FORBIDDEN) < own).sum())
        return count


def _bounds(limits: Limits, units: int) -> Ints:
    """Per class node and sink node: where the first and the second step begin, and the end.

    The overflow sink, last, takes everybody without a step. Room for one more than there are keeps
    every price finite where one could be had.
    """
    everybody = np.full(3, units + 1, dtype=np.int64)
    capacity = np.minimum(limits.capacity, units + 1)
    rows: list[Ints] = []
    for floor, ceiling in zip(limits.class_floor, limits.class_ceiling, strict=True):
        top = np.full_like(capacity, units + 1)
        rows += [_ordered(floor, ceiling, top), everybody[None]]
    rows += [_ordered(limits.floor, limits.ceiling, capacity), everybody[None]]
    return np.concatenate(rows)


def _ordered(floor: Ints, ceiling: Ints, top: Ints) -> Ints:
    middle = np.minimum(ceiling, top)
    return np.stack([np.minimum(floor, middle), middle, top], axis=1)


def _wanted(bounds: Ints, slope: Ints, step: int) -> tuple[Ints, Ints]:
    """The least and the most that is worth sending along an arc when it is paid `slope`."""
    steps = np.array([0, step, 2 * step])
    filled = np.concatenate([np.zeros((len(bounds), 1), dtype=np.int64), bounds], axis=1)
    rows = np.arange(len(bounds))
    below = (slope[:, None] > steps).sum(axis=1)
    upto = (slope[:, None] >= steps).sum(axis=1)
    return filled[rows, below], filled[rows, upto]


def _start_prices(network: _Network) -> Ints:
    """Prices under which the cheapest choices nearly keep all limits.

    A price rises with the excess of its node and falls with its want, in ever smaller steps. It
    stops at each corner of the convex cost, where a whole range of quantities is equally good.
    """
    first, sinks = network.first_sink, network.sinks
    slope = np.concatenate([np.zeros(first, dtype=np.int64), np.full(sinks, network.step)])
    slope[-1] = 0
    rows = [network.cost[network.unit_class == number] for number in range(network.classes)]
    real = network.cost[:, :-1]
    real = real[real < FORBIDDEN]
    reach = float(real.max()) / 2 if real.size else 1.0
    pace = reach
    for _ in range(START_ROUNDS):
        pace *= START_DECAY
        price = np.tile(slope[first:], network.classes) + slope[:first]
        here = np.concatenate(
            [
                np.bincount(
                    (part + price[i * sinks : (i + 1) * sinks]).argmin(axis=1),
                    minlength=sinks,
                )
                for i, part in enumerate(rows)
            ]
        )
        lowest, highest = _wanted(network.bounds, slope, network.step)
        sent = np.clip(here, lowest[:first], highest[:first])
        arriving = here.reshape(network.classes, sinks).sum(axis=0)
        surplus = np.concatenate(
            [here - sent, arriving - np.clip(arriving, lowest[first:], highest[first:])]
        )
        if not surplus.any():
            break
        size = np.maximum(np.concatenate([here, arriving]), 8)
        change = (pace * np.clip(3.0 * surplus / size, -1, 1)).astype(np.int64)
        change[surplus == 0] = 0
        slope = _stopped_at_corners(slope, slope + change, network.step)
        slope[network.bounds[:, 0] >= len(network.cost)] = 0
    return np.concatenate([np.tile(slope[first:], network.classes) + slope[:first], slope[first:]])


def _stopped_at_corners(old: Ints, new: Ints, step: int) -> Ints:
    for corner in (0, step, 2 * step):
        crossed = ((old < corner) & (new > corner)) | ((old > corner) & (new < corner))
        new = np.where(crossed, corner, new)
    return new


def _shortest(length: Ints, sources: Ints) -> tuple[Ints, Ints]:
    """Bellman-Ford from all `sources` at once; parents change on strict improvement only.

    Strictness keeps the parents free of cycles although residual arcs come in pairs of sum zero.
    """
    distance = np.full(len(length), FORBIDDEN, dtype=np.int64)
    parent = np.full(len(length), -1, dtype=np.int64)
    columns = np.arange(len(length))
    distance[sources] = 0
    active = sources
    for _ in range(len(length) + 1):
        if not active.size:
            return distance, parent
        through = length[active] + distance[active, None]
        best = through.argmin(axis=0)
        value = through[best, columns]
        better = (value < distance) & (value < REACHED)
        parent[better] = active[best[better]]
        distance[better] = value[better]
        active = np.flatnonzero(better)
    raise ArithmeticError("a negative cycle: the flow so far is not optimal")
