"""What each pair costs, in whole metres and then in one integer with the lottery below them.

Only square roots, products and integers: the same input gives the same score on every machine.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.allocation.domain.engine.compiled import compiled
from services.allocation.domain.engine.kernel import FORBIDDEN
from services.allocation.domain.engine.problem import (
    BP,
    City,
    Flags,
    Floats,
    Halves,
    Ints,
    Policy,
    Smalls,
    unit_vectors,
)

EARTH_RADIUS_M = 6_371_008.8
TIE_BITS = 15
LARGEST_OVERFLOW_BITS = 59
NO_LIMIT = 1 << 40
Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A city in order with every pair's score. Columns beyond the banks: no place.

    Points are unit vectors. `metres` and `nearest` [row, bank]: to the bank's nearest outlet, and
    which that is (-1: none).
    `score` is `metre-equivalents << shift` plus the lottery number; no place, the last column, is
    dearer than any chain of moves. `bounds` [5, bank] are for the rows in `free`, which are to be
    placed: floor, ceiling and capacity of all, floor and ceiling of the hard cases.
    """

    city: City
    policy: Policy
    point: Floats
    outlet_point: Floats
    metres: Smalls
    nearest: Smalls
    score: Ints
    hard: Flags
    free: Flags
    bounds: Ints
    shift: int
    overflow_m: int

    @property
    def step(self) -> int:
        """A band's step in the unit of the scores."""
        return self.policy.band_step_m << self.shift


def score_city(city: City, policy: Policy) -> Scored:
    """Score every pair of a city that is in order.

    Units:   metres.
    Raises:  ValueError, where exact integers have no room left (millions of enterprises).
    Source:  rules JS-06, JS-07, JS-19; features A2, A3, A4.
    """
    banks = len(city.bank)
    order = np.argsort(city.outlet_bank, kind="stable")
    first = np.searchsorted(city.outlet_bank[order], np.arange(banks + 1)).astype(np.int64)
    point, outlet_point = unit_vectors(city.place), unit_vectors(city.outlet_place)
    metres, nearest = measure(point, outlet_point[order], first, order)
    cost = pair_costs(city, policy, metres, nearest)
    placed_far = city.placed & (
        metres.min(axis=1, initial=np.iinfo(np.int32).max) > policy.remote_m
    )
    hard = ~city.has_loan | placed_far
    free = np.ones(len(hard), dtype=np.bool_) if city.fixed is None else city.fixed < 0
    overflow_m = _overflow_m(cost, policy)
    shift = _shift(len(hard), overflow_m)
    keys = (lottery_keys(city.enterprise, policy.seed), lottery_keys(city.bank, policy.seed))
    draw(cost, keys[0], keys[1], shift, _left_over(city, policy, hard, overflow_m) << shift)
    served: Flags = np.asarray((nearest >= 0).any(axis=0) if len(hard) else city.capacity > 0)
    bounds = bounds_of(city, policy, hard, free, served)
    return Scored(
        city,
        policy,
        point,
        outlet_point,
        metres,
        nearest,
        cost,
        hard,
        free,
        bounds,
        shift,
        overflow_m,
    )


@compiled
def arc_m(square: float) -> int:
    """Whole metres along the ground between unit vectors whose distance squared is `square`."""
    half = np.sqrt(square) / 2.0
    cube = half * half * half
    arc = half + cube / 6.0 + 3.0 * cube * half * half / 40.0
    return int(np.rint(2.0 * EARTH_RADIUS_M * arc))


@compiled
def measure(point: Floats, outlets: Floats, first: Ints, order: Ints) -> tuple[Smalls, Smalls]:
    """Metres from each point to each bank's nearest outlet, and which that is.

    Outlet `order[k]` is at `outlets[k]`; those of bank j are `first[j]` to `first[j + 1]`.
    """
    units, banks = len(point), len(first) - 1
    metres = np.full((units, banks), 2**31 - 1, dtype=np.int32)
    nearest = np.full((units, banks), -1, dtype=np.int32)
    for unit in range(units):
        x, y, z = point[unit, 0], point[unit, 1], point[unit, 2]
        for bank in range(banks):
            best, at = 5.0, -1
            for outlet in range(first[bank], first[bank + 1]):
                dx, dy, dz = outlets[outlet, 0] - x, outlets[outlet, 1] - y, outlets[outlet, 2] - z
                chord = dx * dx + dy * dy + dz * dz
                if chord < best:
                    best, at = chord, outlet
            if at >= 0:
                metres[unit, bank] = arc_m(best)
                nearest[unit, bank] = order[at]
    return metres, nearest


@compiled
def metres_between(points: Floats, others: Floats) -> Smalls:
    """Metres from each point to the other one of the same row, as `measure` counts them."""
    metres = np.empty(len(points), dtype=np.int32)
    for at in range(len(points)):
        dx = others[at, 0] - points[at, 0]
        dy = others[at, 1] - points[at, 1]
        dz = others[at, 2] - points[at, 2]
        metres[at] = arc_m(dx * dx + dy * dy + dz * dz)
    return metres


def pair_costs(city: City, policy: Policy, metres: Smalls, nearest: Smalls) -> Ints:
    """Metre-equivalents [row, bank + 1] with FORBIDDEN; the last column is left at 0."""
    units, banks = metres.shape
    cost = np.zeros((units, banks + 1), dtype=np.int64)
    pairs = cost[:, :banks]
    pairs += policy.no_relation_m
    pairs[city.placed] += metres[city.placed]
    pairs[city.lenders[:, 0], city.lenders[:, 1]] -= policy.no_relation_m
    pairs[city.alike[:, 0], city.alike[:, 1]] += policy.same_type_m
    if city.previous is not None and policy.stick_m:
        had = np.flatnonzero(city.previous >= 0)
        pairs[had] += policy.stick_m
        pairs[had, city.previous[had]] -= policy.stick_m
    pairs[nearest < 0] = FORBIDDEN
    if policy.max_m is not None:
        pairs[metres > policy.max_m] = FORBIDDEN
    pairs[city.forbidden[:, 0], city.forbidden[:, 1]] = FORBIDDEN
    return cost


def _overflow_m(cost: Ints, policy: Policy) -> int:
    """So dear that a chain of moves through all banks is cheaper than one left over."""
    pairs = cost[:, :-1]
    largest = int(np.where(pairs < FORBIDDEN, pairs, 0).max(initial=1))
    return (2 * pairs.shape[1] + 4) * (largest + 4 * policy.band_step_m)


def _left_over(city: City, policy: Policy, hard: Flags, overflow_m: int) -> Ints:
    """What no place costs each: with a band for hard cases, a step more for these.

    Otherwise the hard cases, who are dear, would be those left over, and no bank would get its
    share of them. Who has a bank now loses it: that is a move like any other.
    """
    more = 0 if policy.hard_bp is None else policy.band_step_m
    none = np.where(hard, overflow_m + more, overflow_m).astype(np.int64)
    if city.previous is not None:
        none[city.previous >= 0] += policy.stick_m
    return none


def _shift(units: int, overflow_m: int) -> int:
    """How far metres move up, so that all lottery numbers together are less than one metre."""
    shift = TIE_BITS + units.bit_length()
    if overflow_m.bit_length() + shift > LARGEST_OVERFLOW_BITS:
        raise ValueError("too many enterprises, or too far away, for exact integers")
    return shift


@compiled
def mixed(value: np.uint64) -> np.uint64:
    """The finishing function of a well-known generator: every bit in decides every bit out."""
    one = np.uint64(value)
    one = (one ^ (one >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    one = (one ^ (one >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return one ^ (one >> np.uint64(31))


@compiled
def lottery_keys(ids: Halves, seed: int) -> Keys:
    """A seeded 64-bit number for each id, whatever the order in which they are asked.

    Source:  feature A4.
    """
    keys = np.empty(len(ids), dtype=np.uint64)
    salt = mixed(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15))
    for at in range(len(ids)):
        keys[at] = mixed(mixed(ids[at, 0] ^ salt) ^ ids[at, 1])
    return keys


@compiled
def draw(cost: Ints, rows: Keys, columns: Keys, shift: int, overflow: Ints) -> None:
    """Turn metre-equivalents into scores: shifted, with the pair's lottery number below."""
    units, banks = len(rows), len(columns)
    mask = np.uint64((1 << TIE_BITS) - 1)
    for unit in range(units):
        for bank in range(banks):
            if cost[unit, bank] < FORBIDDEN:
                tie = mixed(rows[unit] ^ columns[bank]) & mask
                cost[unit, bank] = (cost[unit, bank] << shift) + np.int64(tie)
        cost[unit, banks] = overflow[unit]


def bounds_of(city: City, policy: Policy, hard: Flags, free: Flags, served: Flags) -> Ints:
    """Floor, ceiling and capacity of each bank for the free, floor and ceiling of hard cases.

    Shares are of everybody: the fixed and the past are counted, then taken off. Where there is not
    room for all, only so many hard cases are shared as find a place if all do alike.
    """
    banks = len(city.bank)
    full = np.where(served, np.maximum(city.capacity, 0), 0)
    kept = np.zeros((2, banks), dtype=np.int64)
    if city.fixed is not None:
        here = city.fixed[~free]
        kept[0] = np.bincount(here, minlength=banks)
        kept[1] = np.bincount(here[hard[~free]], minlength=banks)
    past = np.zeros(banks, dtype=np.int64) if city.past is None else city.past
    capacity = np.maximum(full - kept[0], 0)
    whole, room = len(hard) + int(past.sum()), int(full.sum())
    floor, ceiling = band(full, whole, room, policy.total_bp)
    low, high = band(full, int(hard.sum()), max(room, len(hard)), policy.hard_bp)
    floor, ceiling = floor - kept[0] - past, ceiling - kept[0] - past
    bounds = np.stack([floor, ceiling, capacity, low - kept[1], high - kept[1]])
    return np.maximum(bounds, 0)


def band(capacity: Ints, total: int, room: int, width_bp: int | None) -> tuple[Ints, Ints]:
    """Floor and ceiling around each bank's share of `total`: as its capacity is to `room`.

    No width: more than there can be.
    """
    if width_bp is None or room == 0:
        return np.full_like(capacity, NO_LIMIT), np.full_like(capacity, NO_LIMIT)
    share = capacity * total
    floor = share * (BP - min(width_bp, BP)) // (BP * room)
    return floor, -(-share * (BP + width_bp) // (BP * room))
