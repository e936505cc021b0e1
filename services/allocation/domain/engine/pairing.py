"""What each enterprise and outlet cost together, made when it is asked for: too many to keep."""

from dataclasses import dataclass, replace

import numpy as np

from services.allocation.domain.engine.compiled import compiled
from services.allocation.domain.engine.kernel import FAR, FORBIDDEN
from services.allocation.domain.engine.problem import Flags, Floats, Ints, Smalls
from services.allocation.domain.engine.scoring import (
    EARTH_RADIUS_M,
    LARGEST_OVERFLOW_BITS,
    TIE_BITS,
    Keys,
    Scored,
    arc_m,
    lottery_keys,
    mixed,
    pair_costs,
)


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
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
    overflow_m: int

    @property
    def step(self) -> int:
        """A band's step in the unit of the scores."""
        return self.scored.policy.band_step_m << self.shift


def ground_of(scored: Scored) -> Ground:
    """A scored city whose outlets have capacities, as pricing needs it."""
    city, policy = scored.city, scored.policy
    assert city.outlet_capacity is not None  # the joint form is asked with them
    nothing = np.zeros_like(scored.metres)
    base = pair_costs(city, replace(policy, max_m=None), nothing, scored.nearest)[:, :-1]
    far_m = 2**31 - 2 if policy.max_m is None else policy.max_m
    largest = int(np.where(base < FORBIDDEN, base, 0).max(initial=1)) + _widest(scored)
    nodes = 2 * (len(city.bank) + len(city.outlet)) + 4
    overflow_m = nodes * (largest + 4 * policy.band_step_m)
    shift = TIE_BITS + len(base).bit_length()
    shift -= max(0, overflow_m.bit_length() + shift - LARGEST_OVERFLOW_BITS)
    return Ground(
        scored, city.placed, np.ascontiguousarray(base),
        lottery_keys(city.enterprise, policy.seed), lottery_keys(city.outlet, policy.seed),
        shift, np.full(len(base), overflow_m << shift, dtype=np.int64),
        city.outlet_capacity, far_m, overflow_m,
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
    metres = arc_m(dx * dx + dy * dy + dz * dz)
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


def best(ground: Ground, most: int, limit: Ints, price: Ints) -> tuple[Smalls, Ints, Ints]:
    """The `most` cheapest outlets of each row below its limit, their scores, the least of all."""
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


def scores_at(ground: Ground, rows: Ints, outlets: Ints) -> Ints:
    """The score of each row at its outlet."""
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


def pairs(ground: Ground, rows: Ints, outlets: Ints, price: Ints) -> Ints:
    """[row, outlet]: scores with the outlets' prices."""
    row, at = np.repeat(rows, len(outlets)), np.tile(outlets, len(rows))
    scores = scores_at(ground, row, at).reshape(len(rows), len(outlets))
    return np.where(scores < FORBIDDEN, scores + price, FORBIDDEN)
