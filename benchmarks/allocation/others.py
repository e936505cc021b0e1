"""Who else solves the problem: OR-Tools, and a list worked off in Python as a spreadsheet does."""

import numpy as np
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from services.allocation.domain.engine.flow import Network
from services.allocation.domain.engine.kernel import FORBIDDEN
from services.allocation.domain.engine.problem import Ints, Smalls
from services.allocation.domain.engine.scoring import Scored


def ortools(network: Network) -> Ints:
    """OR-Tools' cost scaling: as many as possible first, then the cheapest.

    Its costs may not be as large as "no place" is, so these arcs are left out, and what one costs
    more than another there is taken off the arcs to banks instead.
    """
    there = ~network.overflow
    least = np.zeros(len(network.supply), dtype=np.int64)
    dearest = network.cost[network.overflow]
    least[network.tail[network.overflow]] = dearest - dearest.min(initial=1 << 62)
    flow = SimpleMinCostFlow()
    arcs = flow.add_arcs_with_capacity_and_unit_cost(
        network.tail[there].astype(np.int32),
        network.head[there].astype(np.int32),
        network.capacity[there],
        network.cost[there] - least[network.tail[there]],
    )
    nodes = np.arange(len(network.supply), dtype=np.int32)
    flow.set_nodes_supplies(nodes, network.supply)
    status = flow.solve_max_flow_with_min_cost()
    if status != flow.OPTIMAL:
        raise ArithmeticError(str(status))
    sent = np.zeros(len(there), dtype=np.int64)
    sent[there] = flow.flows(arcs)
    return sent


def greedy(scored: Scored, caps: Ints) -> Smalls:
    """The list from top to bottom: each to the cheapest bank with a place left."""
    banks = len(caps)
    room = caps.copy()
    choice = np.full(len(scored.score), banks, dtype=np.int32)
    closed = np.where(room > 0, 0, FORBIDDEN)
    for row, costs in enumerate(scored.score[:, :banks]):
        bank = int((costs | closed).argmin())
        if costs[bank] < FORBIDDEN and room[bank] > 0:
            choice[row] = bank
            room[bank] -= 1
            if room[bank] == 0:
                closed[bank] = FORBIDDEN
    return choice
