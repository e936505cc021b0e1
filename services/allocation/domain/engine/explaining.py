"""Why each enterprise stands where it does, in numbers; and why some have no place at all."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from services.allocation.domain.engine.allocating import Allocation
from services.allocation.domain.engine.compiled import compiled
from services.allocation.domain.engine.kernel import FAR, FORBIDDEN
from services.allocation.domain.engine.problem import Flags, Ints, Smalls
from services.allocation.domain.engine.scoring import TIE_BITS

Bytes = NDArray[np.int8]


class Binding(IntEnum):
    """What kept an enterprise from the bank that is cheapest for it alone."""

    NONE = 0
    CAPACITY = 1
    FAIR_SHARE = 2
    HARD_SHARE = 3
    OTHERS_FLOOR = 4
    NO_PLACE = 5
    FIXED = 6


@dataclass(frozen=True, slots=True, eq=False)
class Reasons:
    """One entry for each enterprise, in the order of `allocation.scored.city`; banks as columns.

    `rank` 1: the nearest bank it may go to. `extra_m`: by how much the runner-up costs it more
    (below zero: less, but there is no place). `margin_m`: the same with the price of a place at
    either added, never below zero. -1 in `cheapest`, `nearest`, `runner_up`, `metres`: none.
    """

    metres: Ints
    rank: Ints
    cheapest: Smalls
    nearest: Smalls
    runner_up: Smalls
    cost_m: Ints
    extra_m: Ints
    margin_m: Ints
    binding: Bytes
    related: Flags
    alike: Flags
    tie: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Shortage:
    """A closed set: these enterprises may go to these banks only, and all of them are full.

    So `short` of them stay without a bank however the rest is shared out; as many slots more
    inside the set clear it. Rows and columns of the city.
    """

    banks: tuple[int, ...]
    slots: int
    enterprises: Ints
    short: int


def explain(allocation: Allocation) -> Reasons:
    """A reason for every enterprise.

    Units:   metres and metre-equivalents.
    Source:  features A3, A4, U8; rules JS-07, JS-19.
    """
    scored, city = allocation.scored, allocation.scored.city
    rows, banks = scored.metres.shape
    found = np.empty((8, rows), dtype=np.int64)
    compare(
        scored.score, scored.metres, scored.hard.astype(np.int64), allocation.prices,
        allocation.choice, scored.shift, found,
    )  # fmt: skip
    found[4, ~scored.free] = -1  # who must stay has no runner-up
    found[6:, ~scored.free] = 0
    placed = allocation.choice < banks
    own = np.where(placed, allocation.choice, 0)
    return Reasons(
        metres=found[0],
        rank=found[1],
        cheapest=found[2].astype(np.int32),
        nearest=found[3].astype(np.int32),
        runner_up=found[4].astype(np.int32),
        cost_m=found[5],
        extra_m=found[6],
        margin_m=found[7],
        binding=_bindings(allocation, found[2]),
        related=_is_pair(city.lenders, own, rows) & placed,
        alike=_is_pair(city.alike, own, rows) & placed,
        tie=_ties(allocation, own, placed),
    )


@compiled
def compare(
    score: Ints, metres: Smalls, kind: Ints, prices: Ints, choice: Smalls, shift: int, found: Ints
) -> None:
    """Fill metres, rank, cheapest, nearest, runner-up, cost, extra and margin, row by row."""
    rows, banks = metres.shape
    for row in range(rows):
        own = choice[row]
        cheapest, nearest, second = -1, -1, -1
        least, closest, best = FORBIDDEN, 2**31, FAR
        rank = 1
        for bank in range(banks):
            value = score[row, bank]
            if value >= FORBIDDEN:
                continue
            if value < least:
                least, cheapest = value, bank
            if metres[row, bank] < closest:
                closest, nearest = metres[row, bank], bank
            if own < banks and metres[row, bank] < metres[row, own]:
                rank += 1
            if bank != own and value + prices[kind[row], bank] < best:
                best, second = value + prices[kind[row], bank], bank
        found[2, row], found[3, row], found[4, row] = cheapest, nearest, second
        found[6, row], found[7, row] = 0, 0
        if own >= banks:
            found[0, row], found[1, row], found[5, row] = -1, 0, -1
            continue
        here = score[row, own]
        found[0, row], found[1, row], found[5, row] = metres[row, own], rank, here >> shift
        if second >= 0 and here < FORBIDDEN:
            found[6, row] = (score[row, second] >> shift) - (here >> shift)
            found[7, row] = (best - here - prices[kind[row], own]) >> shift


def _is_pair(pairs: Smalls, own: Smalls, rows: int) -> Flags:
    found = np.zeros(rows, dtype=np.bool_)
    found[pairs[own[pairs[:, 0]] == pairs[:, 1], 0]] = True
    return found


def _ties(allocation: Allocation, own: Smalls, placed: Flags) -> Ints:
    score = allocation.scored.score[np.arange(len(own)), own]
    return np.where(placed & (score < FORBIDDEN), score & ((1 << TIE_BITS) - 1), 0)


def _bindings(allocation: Allocation, cheapest: Ints) -> Bytes:
    """Which limit of the cheapest bank, or of the others, sent each enterprise on."""
    scored, choice = allocation.scored, allocation.choice
    banks = scored.bounds.shape[1]
    free = scored.free
    taken = np.bincount(choice[free], minlength=banks + 1)[:banks]
    sorrow = np.bincount(choice[free & scored.hard], minlength=banks + 1)[:banks]
    _, ceiling, capacity, _, hard_ceiling = scored.bounds
    why = np.full(banks, Binding.OTHERS_FLOOR, dtype=np.int8)
    full_hard = sorrow >= hard_ceiling
    why[taken >= ceiling] = Binding.FAIR_SHARE
    why[taken >= capacity] = Binding.CAPACITY
    hard_why = np.where(full_hard & (why == Binding.OTHERS_FLOOR), Binding.HARD_SHARE, why)
    at = np.maximum(cheapest, 0)
    found = np.zeros(len(choice), dtype=np.int8)
    if banks:
        found = np.where(scored.hard, hard_why[at], why[at]).astype(np.int8)
    found[cheapest == choice] = Binding.NONE
    found[choice >= banks] = Binding.NO_PLACE
    found[~free] = Binding.FIXED
    return found


def shortages(allocation: Allocation) -> tuple[Shortage, ...]:
    """Why anybody is left over: disjoint closed sets of full banks, fewest banks first.

    From each enterprise left over: the banks it may go to, their members, where those may go, and
    so on. Sets that meet are one.

    Units:   enterprises.
    Source:  rules JS-06, JS-07, JS-19; feature A3.
    """
    scored, choice = allocation.scored, allocation.choice
    banks = scored.bounds.shape[1]
    left = np.flatnonzero((choice == banks) & scored.free)
    if not len(left):
        return ()
    allowed = scored.score[:, :banks] < FORBIDDEN
    reach = _reachable(allowed, choice, scored.free, banks)
    groups: list[tuple[Flags, list[int]]] = []
    for row in left.tolist():
        closed = allowed[row] | reach[allowed[row]].any(axis=0)
        members = [row]
        apart: list[tuple[Flags, list[int]]] = []
        for other, rows in groups:
            if (other & closed).any() or not (other.any() or closed.any()):
                closed, members = other | closed, rows + members
            else:
                apart.append((other, rows))
        groups = [*apart, (closed, members)]
    found = [_shortage(allocation, closed, members) for closed, members in groups]
    return tuple(sorted(found, key=lambda one: (len(one.banks), -one.short)))


def _reachable(allowed: Flags, choice: Smalls, free: Flags, banks: int) -> Flags:
    """[from, to]: some chain of members could move from one bank to the other."""
    reach = np.zeros((banks, banks), dtype=np.bool_)
    for bank in range(banks):
        reach[bank] = allowed[free & (choice == bank)].any(axis=0)
    for middle in range(banks):
        reach |= reach[:, middle][:, None] & reach[middle][None, :]
    return reach


def _shortage(allocation: Allocation, closed: Flags, left: list[int]) -> Shortage:
    columns = np.flatnonzero(closed)
    inside = allocation.scored.free & np.isin(allocation.choice, columns)
    return Shortage(
        banks=tuple(columns.tolist()),
        slots=int(allocation.scored.bounds[2][columns].sum()),
        enterprises=np.sort(np.concatenate([np.flatnonzero(inside), np.array(left)])),
        short=len(left),
    )


def held(allocation: Allocation) -> tuple[Ints, Ints]:
    """How many enterprises each bank has, the fixed included; and how many hard cases."""
    banks = allocation.scored.bounds.shape[1]
    everybody = np.bincount(allocation.choice, minlength=banks + 1)[:banks]
    hard = np.bincount(allocation.choice[allocation.scored.hard], minlength=banks + 1)[:banks]
    return everybody.astype(np.int64), hard.astype(np.int64)
