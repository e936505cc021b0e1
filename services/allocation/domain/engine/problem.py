"""What the engine is asked: one city's enterprises, banks and outlets as arrays, and a policy.

Ids are 16 bytes, as two unsigned halves [id, 2]. Places are micro-degrees, east and north.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Smalls = NDArray[np.int32]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Halves = NDArray[np.uint64]

RADIANS_PER_E6 = 3.141592653589793 / 180e6
SERIES_TERMS = 16
NOBODY = -1
BP = 10_000


def no_pairs() -> Smalls:
    """No pair of row and column at all."""
    return np.empty((0, 2), dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Policy:
    """The weights and bands behind a sharing-out, in metres and basis points; not facts.

    A relation missing costs `no_relation_m`; another bank than the previous one `stick_m`; a type
    that has had the enterprise `same_type_m`. An enterprise further than `remote_m` from every
    outlet, or without a loan, is a hard case. Outside its band a place costs `band_step_m` more.
    `total_bp` and `hard_bp` are the widths of the two bands; None: no band. No pair further apart
    than `max_m` (None: any). `seed` is the lottery's.
    """

    seed: int = 0
    no_relation_m: int = 8_000
    same_type_m: int = 0
    stick_m: int = 0
    remote_m: int = 5_000
    band_step_m: int = 60_000
    total_bp: int | None = 500
    hard_bp: int | None = 1_000
    max_m: int | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class City:
    """One city's problem. Rows are enterprises, columns banks, both in any order.

    `placed`: the address is precise enough for its distance to count. `lenders`, `forbidden` and
    `alike` are pairs [k, 2] of row and column: has a loan there; must not go there; a bank of that
    type has had it. `previous` and `fixed` are the column of each row, or -1: where it stands, and
    where it must stay. `past` are the enterprises a bank has had in earlier rounds: they count in
    the bands, not in the capacity. Outlets are staffed ones; `outlet_capacity` may be missing.
    """

    code: str
    enterprise: Halves
    place: Ints
    placed: Flags
    has_loan: Flags
    bank: Halves
    capacity: Ints
    outlet: Halves
    outlet_place: Ints
    outlet_bank: Smalls
    outlet_capacity: Ints | None = None
    lenders: Smalls = field(default_factory=no_pairs)
    forbidden: Smalls = field(default_factory=no_pairs)
    alike: Smalls = field(default_factory=no_pairs)
    previous: Smalls | None = None
    fixed: Smalls | None = None
    past: Ints | None = None


def halves(ids: Iterable[UUID]) -> Halves:
    """Ids as the engine takes them: [id, 2], the first eight bytes and the last."""
    raw = b"".join(one.bytes for one in ids)
    return np.frombuffer(raw, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def in_order(city: City) -> City:
    """The same city with rows, columns and outlets by id: the order a solution is computed in."""
    return in_other_order(city, _order(city.enterprise), _order(city.bank), _order(city.outlet))


def in_other_order(city: City, rows: Ints, columns: Ints, outlets: Ints) -> City:
    """The same city with its rows, columns and outlets taken in these orders."""
    row_at, column_at = _places(rows), _places(columns)
    optional: dict[str, Any] = {
        "previous": None if city.previous is None else column_at[city.previous[rows]],
        "fixed": None if city.fixed is None else column_at[city.fixed[rows]],
        "past": None if city.past is None else city.past[columns],
    }
    if city.outlet_capacity is not None:
        optional["outlet_capacity"] = city.outlet_capacity[outlets]
    for name in ("lenders", "forbidden", "alike"):
        pairs: Smalls = getattr(city, name)
        optional[name] = np.stack([row_at[pairs[:, 0]], column_at[pairs[:, 1]]], axis=1)
    return replace(
        city,
        enterprise=city.enterprise[rows],
        place=city.place[rows],
        placed=city.placed[rows],
        has_loan=city.has_loan[rows],
        bank=city.bank[columns],
        capacity=city.capacity[columns],
        outlet=city.outlet[outlets],
        outlet_place=city.outlet_place[outlets],
        outlet_bank=column_at[city.outlet_bank[outlets]],
        **optional,
    )


def _order(ids: Halves) -> Ints:
    return np.lexsort((ids[:, 1], ids[:, 0]))


def _places(order: Ints) -> Smalls:
    """Where each old place is now; one entry more, so that -1 stays -1."""
    places = np.full(len(order) + 1, NOBODY, dtype=np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    return places


def unit_vectors(places: Ints) -> Floats:
    """Points on the unit sphere, one row each, by a fixed polynomial: alike on every machine.

    Units:   micro-degrees in; dimensionless out.
    Source:  rule JS-06 (distance between address and outlets).
    """
    longitude = places[:, 0].astype(np.float64) * RADIANS_PER_E6
    latitude = places[:, 1].astype(np.float64) * RADIANS_PER_E6
    level = _series(latitude * latitude, first=0)
    east = _series(longitude * longitude, first=0)
    north = _series(longitude * longitude, first=1) * longitude
    up = _series(latitude * latitude, first=1) * latitude
    return np.stack([level * east, level * north, up], axis=1)


def _series(square: Floats, *, first: int) -> Floats:
    """Taylor's series in Horner's form: exact to rounding for every angle up to pi."""
    total = np.ones_like(square)
    for term in range(SERIES_TERMS, 0, -1):
        place = 2 * term + first
        total = 1.0 - total * square / float(place * (place - 1))
    return total
