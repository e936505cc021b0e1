"""A province, or the nation, as the allocation engine takes it: arrays, no names, by the city.

Most enterprises sit packed in parks, lenders are mostly near, some addresses are known to the
district only. Capacity is people times ability, scaled so that a city's banks together take
`tight` times its enterprises, more or less; below 1 there are cities without room for all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.province.draws import Draws, Floats, Ints, apportion
from services.allocation.domain.engine.problem import City, in_other_order

KM_OF_DEGREE = 111.195


@dataclass(frozen=True, slots=True)
class Scale:
    """How large: cities, their districts in all, outlets and enterprises."""

    provinces: int
    cities: int
    districts: int
    outlets: int
    enterprises: int


SCALES = {
    "small": Scale(1, 4, 30, 1_000, 8_000),
    "province": Scale(1, 13, 95, 12_000, 87_000),
    "nation": Scale(31, 341, 2_840, 220_000, 600_000),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of bank: how many a province has, their part of its outlets, where these may be.

    `reach` is the share of a province's cities a bank of the kind is in.
    """

    count: int
    part: float
    reach: float
    officers: float
    staffed: float


KINDS = (
    Kind(6, 0.52, 1.0, 2.3, 0.40),
    Kind(3, 0.01, 0.5, 4.0, 1.0),
    Kind(12, 0.09, 0.8, 4.2, 0.9),
    Kind(10, 0.10, 0.5, 3.6, 0.85),
    Kind(60, 0.26, 0.08, 2.8, 0.55),
    Kind(29, 0.02, 0.08, 2.4, 1.0),
)


@dataclass(frozen=True, slots=True)
class Ground:
    """Districts of one city with their weights, in kilometres from the city's middle."""

    x: Floats
    y: Floats
    weight: Floats
    park_x: Floats
    park_y: Floats
    park_weight: Floats
    park_width: Floats
    park_district: Ints


def cities(
    scale: str, seed: int, *, tight: float = 1.18, shuffle: int | None = None
) -> Iterator[City]:
    """All cities of a scale, one after the other; `shuffle` draws another order of all rows."""
    size = SCALES[scale]
    draws = Draws(seed, 20)
    weight = np.arange(1, size.cities // size.provinces + 1, dtype=np.float64) ** -0.75
    weights = np.concatenate([weight * (0.4 + draws.one()) for _ in range(size.provinces)])[
        : size.cities
    ]
    firms = apportion(weights, size.enterprises, 40)
    outlets = apportion(weights**0.8, size.outlets, 60)
    districts = apportion(np.sqrt(weights), size.districts, 2)
    for at in range(len(weights)):
        city = make_city(
            seed, at, firms=int(firms[at]), outlets=int(outlets[at]),
            districts=int(districts[at]), tight=tight,
        )  # fmt: skip
        yield city if shuffle is None else shuffled(city, Draws(shuffle, at))


def make_city(
    seed: int, number: int, *, firms: int, outlets: int, districts: int, tight: float
) -> City:
    """One city with its banks."""
    draws = Draws(seed, 21, number)
    ground = _ground(draws, districts)
    bank, district, officers = _outlets(draws, ground, outlets)
    spread = np.where(draws.chance(0.6, len(bank)), 2.2, 8.0)
    x = ground.x[district] + spread * draws.normal(len(bank))
    y = ground.y[district] + spread * draws.normal(len(bank))
    staffed = np.flatnonzero(officers > 0)
    banks = np.unique(bank[staffed])
    column = np.searchsorted(banks, bank[staffed])
    people = np.bincount(column, weights=officers[staffed])
    room = max(round(firms * tight * (0.93 + 0.2 * draws.one())), len(banks))
    capacity = apportion(people * (0.7 + 0.6 * draws.unit(len(banks))), room, 1)
    each = capacity[column] / people[column] * officers[staffed]
    where = _firms(draws, ground, firms)
    loans = draws.chance(0.5, firms)
    lenders = _lenders(draws, loans, where[2], district[staffed], column, officers[staffed])
    middle = (104_000_000 + 1_100_000 * (number % 19), 24_000_000 + 900_000 * (number // 19))
    return City(
        code=f"{number:04}",
        enterprise=_ids(1, number, firms),
        place=_places(where[0], where[1], middle),
        placed=~where[3],
        has_loan=loans,
        bank=np.stack([np.full(len(banks), 2, np.uint64), banks.astype(np.uint64)], axis=1),
        capacity=capacity,
        outlet=_ids(3, number, len(staffed)),
        outlet_place=_places(x[staffed], y[staffed], middle),
        outlet_bank=column.astype(np.int32),
        outlet_capacity=np.ceil(1.3 * each).astype(np.int64),
        lenders=lenders,
    )


def _ids(kind: int, number: int, count: int) -> np.ndarray:
    rows = np.arange(count, dtype=np.uint64)
    return np.stack([np.full(count, kind, np.uint64), rows + np.uint64(number << 32)], axis=1)


def _ground(draws: Draws, districts: int) -> Ground:
    core = np.arange(districts) < max(2, round(0.45 * districts))
    away = np.where(core, 2 + 9 * draws.unit(districts), 22 + 26 * draws.unit(districts))
    turn = 2 * np.pi * draws.unit(districts)
    x, y = np.round(away * np.cos(turn), 6), np.round(away * np.sin(turn), 6)
    parks = np.repeat(np.arange(districts), 2 + draws.below(5, districts))
    wide = np.where(core[parks], 4.0, 8.0)
    return Ground(
        x, y, np.round(np.exp(0.7 * draws.normal(districts)), 9) * np.where(core, 1.5, 0.9),
        park_x=x[parks] + wide * draws.normal(len(parks)),
        park_y=y[parks] + wide * draws.normal(len(parks)),
        park_weight=np.round(np.exp(1.1 * draws.normal(len(parks))), 9),
        park_width=0.6 + 1.4 * draws.unit(len(parks)),
        park_district=parks,
    )  # fmt: skip


def _outlets(draws: Draws, ground: Ground, outlets: int) -> tuple[Ints, Ints, Ints]:
    """Bank, district and officers of each outlet of a city."""
    first, found = 0, []
    for kind, count in zip(KINDS, apportion([k.part for k in KINDS], outlets, 1), strict=True):
        every = kind.reach >= 1
        here = max(1, round(kind.count * kind.reach))
        chosen = np.arange(kind.count) if every else draws.order(kind.count)[:here]
        here = min(len(chosen), int(count))
        share = apportion(0.4 + draws.unit(here), int(count), 1)
        banks = np.repeat(first + chosen[:here], share)
        local = kind.reach < 0.2
        home = draws.weighted(ground.weight, here)
        spread = draws.weighted(ground.weight, int(count))
        where = np.repeat(home, share) if local else spread
        people = 1 + np.floor(-np.log1p(-draws.unit(int(count))) * (kind.officers - 0.5))
        officers = np.where(draws.chance(kind.staffed, int(count)), people, 0).astype(np.int64)
        starts = np.cumsum(share) - share
        officers[starts] = np.maximum(officers[starts], 1)
        found.append((banks, where, officers))
        first += kind.count
    bank, where, officers = (np.concatenate(part) for part in zip(*found, strict=True))
    return bank, where, officers


def _firms(draws: Draws, ground: Ground, count: int) -> tuple[Floats, Floats, Ints, np.ndarray]:
    """Where enterprises are: kilometres east and north, district, is only that known."""
    park = draws.weighted(ground.park_weight * ground.weight[ground.park_district], count)
    packed = draws.chance(0.72, count)
    district = np.where(packed, ground.park_district[park], draws.weighted(ground.weight, count))
    width = np.where(packed, ground.park_width[park], 7.0)
    x = np.where(packed, ground.park_x[park], ground.x[district]) + width * draws.normal(count)
    y = np.where(packed, ground.park_y[park], ground.y[district]) + width * draws.normal(count)
    vague = draws.chance(0.025, count)
    return (
        np.where(vague, ground.x[district], x), np.where(vague, ground.y[district], y),
        district, draws.chance(0.5, count) & vague,
    )  # fmt: skip


def _lenders(
    draws: Draws, loans: np.ndarray, district: Ints, of_outlet: Ints, column: Ints, officers: Ints
) -> np.ndarray:
    """Pairs of an enterprise with a loan and its lender: an outlet's bank, mostly a near one."""
    rows = np.flatnonzero(loans)
    rows = np.sort(np.concatenate([rows, rows[draws.chance(0.3, len(rows))]]))
    order = np.argsort(of_outlet, kind="stable")
    steps = np.concatenate([[0.0], np.cumsum(officers[order] + 0.15)])
    low = np.searchsorted(of_outlet[order], district[rows])
    high = np.searchsorted(of_outlet[order], district[rows], side="right")
    far = draws.chance(0.25, len(rows)) | (low == high)
    low, high = np.where(far, 0, low), np.where(far, len(order), high)
    place = steps[low] + draws.unit(len(rows)) * (steps[high] - steps[low])
    outlet = order[np.minimum(np.searchsorted(steps, place, side="right") - 1, len(order) - 1)]
    return np.unique(np.stack([rows, column[outlet]], axis=1), axis=0).astype(np.int32)


def _places(x: Floats, y: Floats, middle: tuple[int, int]) -> Ints:
    """Kilometres from a city's middle as micro-degrees east and north."""
    north = middle[1] + np.round(y / KM_OF_DEGREE * 1e6).astype(np.int64)
    east = middle[0] + np.round(x / (0.85 * KM_OF_DEGREE) * 1e6).astype(np.int64)
    return np.stack([east, north], axis=1)


def shuffled(city: City, draws: Draws) -> City:
    """The same city with enterprises, banks and outlets in another order."""
    rows, columns = draws.order(len(city.enterprise)), draws.order(len(city.bank))
    return in_other_order(city, rows, columns, draws.order(len(city.outlet)))
