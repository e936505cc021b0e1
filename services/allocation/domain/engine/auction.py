"""Where the kernel begins: seats by bids, or somebody else's choice made admissible."""

import numpy as np

from services.allocation.domain.engine.compiled import compiled
from services.allocation.domain.engine.kernel import FAR, FORBIDDEN
from services.allocation.domain.engine.problem import Flags, Ints, Smalls

BIDS_FOR_EACH = 4


@compiled
def sift_up(bids: Ints, who: Smalls, at: int, bid: int, unit: int) -> None:
    """Add a bid at the end of a heap with the least on top."""
    while at > 0 and bids[(at - 1) // 2] > bid:
        up = (at - 1) // 2
        bids[at], who[at] = bids[up], who[up]
        at = up
    bids[at], who[at] = bid, unit


@compiled
def sift_down(bids: Ints, who: Smalls, size: int, bid: int, unit: int) -> None:
    """Put a bid in the place of the least."""
    at = 0
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size and bids[down + 1] < bids[down]:
            down += 1
        if bids[down] >= bid:
            break
        bids[at], who[at] = bids[down], who[down]
        at = down
    bids[at], who[at] = bid, unit


@compiled
def auction(cost: Ints, most: Ints, step_up: int, choice: Smalls) -> None:
    """Seat everybody by bids: each bank keeps its `most` best, and a place costs the worst of them.

    After four bids for each enterprise the rest stay at the sink: in a city without room for all
    bidding would go on for as long as prices can rise.
    """
    units, sinks = cost.shape[0], cost.shape[1] - 1
    first = np.zeros(sinks + 1, dtype=np.int64)
    for bank in range(sinks):
        first[bank + 1] = first[bank] + most[bank]
    bids = np.zeros(first[sinks] + 1, dtype=np.int64)
    who = np.zeros(first[sinks] + 1, dtype=np.int32)
    size = np.zeros(sinks, dtype=np.int64)
    price = np.zeros(sinks + 1, dtype=np.int64)
    price[:sinks][most <= 0] = FORBIDDEN
    waiting = np.arange(units).astype(np.int32)
    left, budget = units, BIDS_FOR_EACH * units
    choice[:] = sinks
    while left > 0 and budget > 0:
        budget -= 1
        left -= 1
        unit = waiting[left]
        best, second, bank = FAR, FAR, sinks
        for column in range(sinks + 1):
            value = cost[unit, column] + price[column]
            if value < best:
                second, best, bank = best, value, column
            elif value < second:
                second = value
        if bank == sinks:
            continue
        bid = price[bank] + min(second - best, FORBIDDEN // 2) + step_up
        base = first[bank]
        if size[bank] < most[bank]:
            size[bank] += 1
            sift_up(bids[base:], who[base:], size[bank] - 1, bid, unit)
        else:
            loser = who[base]
            choice[loser] = sinks
            waiting[left] = loser
            left += 1
            sift_down(bids[base:], who[base:], size[bank], bid, unit)
        choice[unit] = bank
        if size[bank] == most[bank]:
            price[bank] = bids[base]


@compiled
def trim(capacity: Ints, choice: Smalls) -> None:
    """Send to the sink, from the end, whoever a start has placed beyond a bank's capacity."""
    sinks = len(capacity)
    room = capacity.copy()
    for unit in range(len(choice)):
        bank = choice[unit]
        if bank < sinks:
            if room[bank] <= 0:
                choice[unit] = sinks
            else:
                room[bank] -= 1


def seats(cost: Ints, hard: Flags, bounds: Ints, step_up: int) -> Smalls:
    """Where everybody sits after two auctions: hard cases up to their ceilings, then the others.

    `bounds` as `optimise` takes them. Whoever got no seat stands at the sink.
    """
    sinks = cost.shape[1] - 1
    choice = np.full(len(cost), sinks, dtype=np.int32)
    most = np.minimum(bounds[1], bounds[2])
    for rows, places in ((np.flatnonzero(hard), bounds[4]), (np.flatnonzero(~hard), most)):
        got = np.empty(len(rows), dtype=np.int32)
        auction(cost[rows], np.minimum(places, most), step_up, got)
        choice[rows] = got
        most = most - np.bincount(got, minlength=sinks + 1)[:sinks]
    return choice
