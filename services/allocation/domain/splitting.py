"""Tier 2: one city's list to its bank institutions, exactly and fairly, with every limit kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType
from uuid import UUID

import numpy as np

from services.allocation.domain.cost import TIE_BITS, CityCosts, Flags
from services.allocation.domain.transport import (
    FORBIDDEN,
    LARGEST_OVERFLOW,
    Ints,
    Limits,
    solve,
)

BP = 10_000
FEWEST_TIE_BITS = 6
NOTHING_CARRIED: Mapping[UUID, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FairnessBands:
    """How far from its capacity share an institution may be, in basis points; None: any distance.

    `total_bp` is about all enterprises, `hard_bp` about the hard cases (no loan, or remote).
    """

    total_bp: int | None = 500
    hard_bp: int | None = 1_000


@dataclass(frozen=True, slots=True)
class Shortage:
    """A closed set: these enterprises may go to these institutions only, and all of them are full.

    So `short` of them stay without a bank however the rest is shared out.
    """

    institution_ids: tuple[UUID, ...]
    slots: int
    enterprise_ids: tuple[UUID, ...]
    short: int


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A city's list shared out. Row order is that of `costs.enterprises`.

    `choice` is the column of the institution, or the number of institutions for "none".
    `score` is the scaled cost the optimum was taken on, `price` [class, column] what one more
    place would save; both are `1 << shift` to the metre. `violations` 0 proves the optimum.
    """

    costs: CityCosts
    choice: Ints
    score: Ints
    price: Ints
    shift: int
    carried: Ints
    floor: Ints
    ceiling: Ints
    hard_ceiling: Ints
    shortages: tuple[Shortage, ...]
    violations: int

    @property
    def placed(self) -> Flags:
        """Which enterprises got an institution."""
        return self.choice < len(self.costs.institutions)

    def by_enterprise(self) -> dict[UUID, UUID | None]:
        """The institution of each enterprise; None where there was no place."""
        names = [*(one.institution_id for one in self.costs.institutions), None]
        rows = zip(self.costs.enterprises, self.choice.tolist(), strict=True)
        return {enterprise.enterprise_id: names[column] for enterprise, column in rows}

    def total_m(self) -> int:
        """Sum of the costs of all placed pairs, in metre-equivalents."""
        rows = np.flatnonzero(self.placed)
        return int(self.costs.cost[rows, self.choice[rows]].sum())

    def digest(self) -> str:
        """SHA-256 of who got whom: equal for every replay of the same inputs (A3, U8)."""
        lines = (f"{one}={bank}\n" for one, bank in self.by_enterprise().items())
        return sha256("".join(lines).encode()).hexdigest()


def split_city(
    costs: CityCosts,
    bands: FairnessBands,
    *,
    carried: Mapping[UUID, int] = NOTHING_CARRIED,
) -> Split:
    """The cheapest sharing-out that places as many as can be placed.

    In this order: capacities are never exceeded; nobody is left over who could have a place; each
    institution is kept near its capacity share, in total and of the hard cases, at
    `band_step_m` for each enterprise beyond; the cost is least; among equals the lottery decides.
    `carried` are enterprises an institution keeps from before: they use up its capacity and count
    in its share.

    Units:   metre-equivalents; shares in basis points.
    Raises:  ValueError, where exact integers have no room left (millions of enterprises).
    Source:  rules JS-07, JS-19; features A2, A3, A4, U8.
    """
    kept = np.array(
        [carried.get(one.institution_id, 0) for one in costs.institutions],
        dtype=np.int64,
    )
    limits = _limits(costs, bands, kept)
    overflow_m = _overflow_m(costs)
    shift, dropped = _lottery_room(costs, overflow_m)
    allowed = costs.cost < FORBIDDEN
    score = np.where(allowed, costs.cost, 0) << shift
    score = np.where(allowed, score + (costs.tie >> dropped), FORBIDDEN)
    scaled = replace(limits, step=limits.step << shift)
    flow = solve(score, costs.hard.astype(np.int64), scaled, overflow=overflow_m << shift)
    return Split(
        costs=costs,
        choice=flow.choice,
        score=score,
        price=flow.price[:, :-1],
        shift=shift,
        carried=kept,
        floor=limits.floor,
        ceiling=limits.ceiling,
        hard_ceiling=limits.class_ceiling[1],
        shortages=shortages_of(costs, flow.choice, limits.capacity),
        violations=flow.violations,
    )


def quotas(capacities: Ints, total: int) -> Ints:
    """Whole numbers in proportion to `capacities` that sum to `total`: largest remainders.

    Of equal remainders the earlier column comes first. No capacity at all: all quotas are 0.

    Units:   enterprises.
    Source:  rule JS-07; feature A2.
    """
    everything = int(capacities.sum())
    if everything == 0:
        return np.zeros_like(capacities)
    whole = capacities * total // everything
    rest = capacities * total - whole * everything
    whole[np.argsort(-rest, kind="stable")[: total - int(whole.sum())]] += 1
    return whole


def _band(capacity: Ints, total: int, width_bp: int | None) -> tuple[Ints, Ints]:
    """Floor and ceiling around each capacity share of `total`, in integers only."""
    everything = int(capacity.sum())
    if width_bp is None or everything == 0:
        return np.full_like(capacity, total + 1), np.full_like(capacity, total + 1)
    share = capacity * total
    floor = share * (BP - min(width_bp, BP)) // (BP * everything)
    return floor, -(-share * (BP + width_bp) // (BP * everything))


def _limits(costs: CityCosts, bands: FairnessBands, kept: Ints) -> Limits:
    declared = np.array([one.capacity for one in costs.institutions], dtype=np.int64)
    served = (costs.nearest >= 0).any(axis=0) if len(costs.enterprises) else declared > 0
    full = np.where(served, np.maximum(declared, 0), 0)
    capacity = np.maximum(full - kept, 0)
    units = len(costs.enterprises)
    floor, ceiling = _band(full, units + int(kept.sum()), bands.total_bp)
    hard_floor, hard_ceiling = _band(capacity, int(costs.hard.sum()), bands.hard_bp)
    free = np.full_like(capacity, units + 1)
    return Limits(
        capacity=capacity,
        floor=np.maximum(floor - kept, 0),
        ceiling=np.maximum(ceiling - kept, 0),
        class_floor=np.stack([free, hard_floor]),
        class_ceiling=np.stack([free, hard_ceiling]),
        step=costs.weights.band_step_m,
    )


def _largest_m(costs: CityCosts) -> int:
    real = costs.cost[costs.cost < FORBIDDEN]
    return max(int(real.max()) if real.size else 0, 2 * costs.weights.band_step_m, 1)


def _overflow_m(costs: CityCosts) -> int:
    """So dear that a chain of moves through all institutions is cheaper than one left over."""
    nodes = 2 * len(costs.institutions) + 4
    chain = nodes * (_largest_m(costs) + 4 * costs.weights.band_step_m)
    return max(costs.weights.overflow_m, chain)


def _lottery_room(costs: CityCosts, overflow_m: int) -> tuple[int, int]:
    """How far metres move up so that all lottery numbers together are less than one metre.

    Second: how many lottery bits have to go, where the list is so long that not all find room.
    """
    room = LARGEST_OVERFLOW.bit_length() - 1 - overflow_m.bit_length()
    for_sum = len(costs.enterprises).bit_length()
    bits = min(TIE_BITS, room - for_sum)
    if bits < FEWEST_TIE_BITS:
        raise ValueError("too many enterprises, or too far away, for exact integers")
    return bits + for_sum, TIE_BITS - bits


def shortages_of(costs: CityCosts, choice: Ints, capacity: Ints) -> tuple[Shortage, ...]:
    """Why anybody is left over: disjoint closed sets of full institutions, fewest banks first.

    From each enterprise left over: the institutions it may go to, their members, where those may
    go, and so on. Sets that meet are one.

    Units:   enterprises.
    Source:  rules JS-06, JS-07, JS-19; feature A3.
    """
    banks = len(costs.institutions)
    allowed = costs.cost < FORBIDDEN
    reach = _reachable(allowed, choice, banks)
    groups: list[tuple[Flags, list[int]]] = []
    for row in np.flatnonzero(choice == banks).tolist():
        closed = allowed[row] | reach[allowed[row]].any(axis=0)
        members = [row]
        apart: list[tuple[Flags, list[int]]] = []
        for other, rows in groups:
            if (other & closed).any() or not (other.any() or closed.any()):
                closed, members = other | closed, rows + members
            else:
                apart.append((other, rows))
        groups = [*apart, (closed, members)]
    found = [_shortage(costs, choice, capacity, closed, left) for closed, left in groups]
    return tuple(sorted(found, key=lambda one: (len(one.institution_ids), -one.short)))


def _reachable(allowed: Flags, choice: Ints, banks: int) -> Flags:
    """[from, to]: some chain of members could move from one institution to the other."""
    reach = np.zeros((banks, banks), dtype=np.bool_)
    for bank in range(banks):
        reach[bank] = allowed[choice == bank].any(axis=0)
    for middle in range(banks):
        reach |= reach[:, middle][:, None] & reach[middle][None, :]
    return reach


def _shortage(
    costs: CityCosts, choice: Ints, capacity: Ints, closed: Flags, left: list[int]
) -> Shortage:
    columns = np.flatnonzero(closed)
    members = np.flatnonzero(np.isin(choice, columns)).tolist()
    return Shortage(
        institution_ids=tuple(costs.institutions[i].institution_id for i in columns.tolist()),
        slots=int(capacity[columns].sum()),
        enterprise_ids=tuple(costs.enterprises[i].enterprise_id for i in sorted(left + members)),
        short=len(left),
    )
