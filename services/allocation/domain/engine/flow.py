"""The same problem for a library's network solver: a second implementation, and an oracle.

One node for each enterprise, each bank's hard cases, each bank, the sink. Convex costs are
parallel arcs. Whoever has no place takes the arc to the sink.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.allocation.domain.engine.kernel import FORBIDDEN
from services.allocation.domain.engine.problem import Flags, Ints, Smalls
from services.allocation.domain.engine.scoring import Scored


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Arcs with capacity and cost, the supply of every node, and which arcs mean: no place."""

    tail: Ints
    head: Ints
    capacity: Ints
    cost: Ints
    supply: Ints
    overflow: Flags


Solver = Callable[[Network], Ints]


def flow_solution(scored: Scored, solver: Solver) -> Smalls:
    """The choice for all free rows that a solver finds: bank, or the number of banks for none."""
    rows = np.flatnonzero(scored.free)
    banks = scored.bounds.shape[1]
    unit, column = np.nonzero(scored.score[rows] < FORBIDDEN)
    network = _network(scored, rows, unit, column)
    sent = solver(network)[: len(unit)]
    choice = np.full(len(rows), banks, dtype=np.int32)
    used = sent > 0
    choice[unit[used]] = column[used]
    return choice


def _network(scored: Scored, rows: Ints, unit: Ints, column: Ints) -> Network:
    units, banks = len(rows), scored.bounds.shape[1]
    hard_at, bank_at, sink = units, units + banks, units + 2 * banks
    hard = scored.hard[rows][unit]
    head = np.where(hard, hard_at, bank_at) + column
    head[column == banks] = sink
    arcs = [(unit, head, np.ones(len(unit), dtype=np.int64), scored.score[rows][unit, column])]
    low, high, top, hard_low, hard_high = (np.minimum(one, units + 1) for one in scored.bounds)
    whole = np.full(banks, units, dtype=np.int64)
    at = np.arange(banks)
    for number, size in enumerate(_pieces(low, high, top)):
        arcs.append(
            (bank_at + at, np.full(banks, sink), size, np.full(banks, number * scored.step))
        )
    for number, size in enumerate(_pieces(hard_low, hard_high, whole)):
        arcs.append((hard_at + at, bank_at + at, size, np.full(banks, number * scored.step)))
    supply = np.zeros(sink + 1, dtype=np.int64)
    supply[:units] = 1
    supply[sink] = -units
    overflow = np.zeros(sum(len(one[0]) for one in arcs), dtype=np.bool_)
    overflow[: len(unit)] = column == banks
    tails, heads, sizes, costs = (np.concatenate(part) for part in zip(*arcs, strict=True))
    return Network(tails, heads, sizes.astype(np.int64), costs.astype(np.int64), supply, overflow)


def _pieces(low: Ints, high: Ints, top: Ints) -> tuple[Ints, Ints, Ints]:
    """How many places are free, how many cost a step, how many two."""
    first = np.minimum(low, top)
    second = np.minimum(np.maximum(high, low), top)
    return first, second - first, top - second


def lemon(network: Network) -> Ints:
    """LEMON's network simplex: arcs by tail and head, as the library wants them."""
    from pylmcf import Graph  # noqa: PLC0415 - a library that the kernel does not need

    order = np.lexsort((network.head, network.tail))
    tail, head = network.tail[order].astype(np.int32), network.head[order].astype(np.int32)
    graph: Any = Graph(len(network.supply), tail, head)
    graph.set_node_supply(network.supply)
    graph.set_edge_capacities(network.capacity[order])
    graph.set_edge_costs(network.cost[order])
    graph.solve()
    sent = np.empty(len(order), dtype=np.int64)
    sent[order] = graph.result()
    return sent
