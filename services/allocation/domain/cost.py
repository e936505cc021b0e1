"""What a pair of enterprise and institution costs, in whole metre-equivalents.

Nothing here calls a mathematical library whose last digit may differ between machines: sines come
from a fixed polynomial, distances from the chord, so the same input decides alike everywhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.allocation.domain.model import (
    Enterprise,
    InstitutionInCity,
    Outlet,
    Precision,
)
from services.allocation.domain.transport import FORBIDDEN, Ints

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

EARTH_RADIUS_M = 6_371_008.8
RADIANS_PER_E6 = 3.141592653589793 / 180e6
SERIES_TERMS = 16
TIE_BITS = 16
NO_TYPES: Mapping[UUID, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CostWeights:
    """The policy behind a cost, all in metres. Not facts: a campaign's profile sets them.

    An address less precise than `distance_from` says gives no preference for what is near.
    """

    no_relation_m: int = 8_000
    remote_m: int = 5_000
    band_step_m: int = 60_000
    overflow_m: int = 400_000
    distance_from: tuple[Precision, ...] = ("point", "county")


@dataclass(frozen=True, slots=True, eq=False)
class CityCosts:
    """Every pair of one list and one city's institutions. Rows and columns are sorted by id.

    `metres` to the nearest staffed outlet, `nearest` that outlet's place in `outlets` (-1: none),
    `cost` in metre-equivalents with FORBIDDEN, `tie` the seeded lottery number of the pair.
    """

    enterprises: tuple[Enterprise, ...]
    institutions: tuple[InstitutionInCity, ...]
    outlets: tuple[Outlet, ...]
    weights: CostWeights
    seed: int
    metres: Ints
    nearest: Ints
    related: Flags
    same_type: Flags
    cost: Ints
    tie: Ints
    hard: Flags


def unit_vectors(longitude_e6: Ints, latitude_e6: Ints) -> Floats:
    """Points on the unit sphere, one row each.

    Units:   micro-degrees in; dimensionless out.
    Source:  rule JS-06 (distance between address and outlets).
    """
    longitude = longitude_e6.astype(np.float64) * RADIANS_PER_E6
    latitude = latitude_e6.astype(np.float64) * RADIANS_PER_E6
    level = _cosine(latitude)
    return np.stack([level * _cosine(longitude), level * _sine(longitude), _sine(latitude)], axis=1)


def _sine(angle: Floats) -> Floats:
    return _series(angle * angle, first=1) * angle


def _cosine(angle: Floats) -> Floats:
    return _series(angle * angle, first=0)


def _series(square: Floats, *, first: int) -> Floats:
    """Taylor's series in Horner's form: exact to rounding for every angle up to pi."""
    total = np.ones_like(square)
    for term in range(SERIES_TERMS, 0, -1):
        place = 2 * term + first
        total = 1.0 - total * square / float(place * (place - 1))
    return total


def metres_of(chord_squared: Floats) -> Ints:
    """Great-circle metres of a squared chord on the unit sphere, within a province.

    Units:   metres, rounded; the series is exact below about 1,000 km.
    Source:  rule JS-06.
    """
    half = np.sqrt(chord_squared) / 2.0
    cube = half * half * half
    arc = half + cube / 6.0 + 3.0 * cube * half * half / 40.0
    return np.rint(2.0 * EARTH_RADIUS_M * arc).astype(np.int64)


def nearest_outlets(points: Floats, outlets: Iterable[tuple[int, Floats]]) -> tuple[Floats, Ints]:
    """The squared chord to the nearest of `outlets` (number, point) and that outlet's number.

    Of two equally near the first counts. Without any outlet: a chord of infinity, and -1.
    """
    best = np.full(len(points), np.inf)
    number = np.full(len(points), -1, dtype=np.int64)
    columns = np.ascontiguousarray(points.T)
    for index, point in outlets:
        away = columns - point[:, None]
        chord = away[0] * away[0] + away[1] * away[1] + away[2] * away[2]
        closer = chord < best
        best[closer] = chord[closer]
        number[closer] = index
    return best, number


def city_costs(
    enterprises: Iterable[Enterprise],
    institutions: Iterable[InstitutionInCity],
    outlets: Iterable[Outlet],
    *,
    weights: CostWeights,
    seed: int,
    same_type_m: int = 0,
    types: Mapping[UUID, str] = NO_TYPES,
) -> CityCosts:
    """Cost of every pair of `enterprises` and the `institutions` of one city.

    Distance to the institution's nearest staffed outlet, plus `weights.no_relation_m` where it
    does not lend to the enterprise, plus `same_type_m` where an institution of its type (`types`)
    has had the enterprise before. An institution that itself has had it is forbidden, and so is
    one without a staffed outlet in the city.

    Units:   metres and metre-equivalents.
    Source:  rules JS-06, JS-07, JS-19; features A2, A4, A7.
    """
    rows = tuple(sorted(enterprises, key=lambda one: one.enterprise_id.int))
    columns = tuple(sorted(institutions, key=lambda one: one.institution_id.int))
    places = tuple(sorted(_staffed(outlets), key=lambda one: one.outlet_id.int))
    metres, nearest = _distances(rows, columns, places)
    related, same_type, had = _history(rows, columns, types)
    placed = np.array([one.precision in weights.distance_from for one in rows], dtype=np.bool_)
    cost = np.where(placed[:, None], metres, 0)
    cost += np.where(related, 0, weights.no_relation_m) + np.where(same_type, same_type_m, 0)
    cost[had | (nearest < 0)] = FORBIDDEN
    closest = metres.min(axis=1, initial=FORBIDDEN)
    loans = np.array([one.has_loan is True for one in rows], dtype=np.bool_)
    hard = ~loans | (placed & (closest > weights.remote_m))
    ties = _ties(rows, columns, seed)
    return CityCosts(
        rows,
        columns,
        places,
        weights,
        seed,
        metres,
        nearest,
        related,
        same_type,
        cost,
        ties,
        hard,
    )


def _staffed(outlets: Iterable[Outlet]) -> Iterable[Outlet]:
    return (one for one in outlets if one.officers > 0)


def _distances(
    rows: tuple[Enterprise, ...],
    columns: tuple[InstitutionInCity, ...],
    places: tuple[Outlet, ...],
) -> tuple[Ints, Ints]:
    points = points_of(rows)
    spots = points_of(places)
    of_institution: dict[UUID, list[int]] = {}
    for index, outlet in enumerate(places):
        of_institution.setdefault(outlet.institution_id, []).append(index)
    metres = np.full((len(rows), len(columns)), FORBIDDEN, dtype=np.int64)
    nearest = np.full((len(rows), len(columns)), -1, dtype=np.int64)
    for column, institution in enumerate(columns):
        own = of_institution.get(institution.institution_id, [])
        if own:
            chord, nearest[:, column] = nearest_outlets(points, ((at, spots[at]) for at in own))
            metres[:, column] = metres_of(chord)
    return metres, nearest


def points_of(placed: tuple[Enterprise, ...] | tuple[Outlet, ...]) -> Floats:
    """The unit vectors of enterprises or outlets, one row each."""
    longitude = np.array([one.longitude_e6 for one in placed], dtype=np.int64)
    latitude = np.array([one.latitude_e6 for one in placed], dtype=np.int64)
    return unit_vectors(longitude, latitude)


def _history(
    rows: tuple[Enterprise, ...],
    columns: tuple[InstitutionInCity, ...],
    types: Mapping[UUID, str],
) -> tuple[Flags, Flags, Flags]:
    """Which pairs have a loan, share a type with a previous institution, have met before."""
    shape = (len(rows), len(columns))
    related, alike, had = (np.zeros(shape, dtype=np.bool_) for _ in range(3))
    column_of = {one.institution_id: index for index, one in enumerate(columns)}
    kinds = np.array([one.institution_type for one in columns], dtype=np.str_)
    for row, enterprise in enumerate(rows):
        for lender in enterprise.lender_ids:
            if lender in column_of:
                related[row, column_of[lender]] = True
        for previous in enterprise.previous_ids:
            if previous in column_of:
                had[row, column_of[previous]] = True
            if previous in types:
                alike[row] |= kinds == types[previous]
    return related, alike, had


def tie_keys(ids: Iterable[UUID], seed: int) -> NDArray[np.uint64]:
    """A seeded 64-bit number for each id: the same wherever and in whatever order it is asked.

    Source:  feature A4.
    """
    salt = str(seed).encode()
    digests = b"".join(blake2b(one.bytes, digest_size=8, key=salt[:64]).digest() for one in ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _ties(rows: tuple[Enterprise, ...], columns: tuple[InstitutionInCity, ...], seed: int) -> Ints:
    """The lottery number of each pair, `TIE_BITS` bits, mixed from the keys of its two ids."""
    left = tie_keys((one.enterprise_id for one in rows), seed)
    right = tie_keys((one.institution_id for one in columns), seed)
    mixed = left[:, None] ^ right[None, :]
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return (mixed & np.uint64((1 << TIE_BITS) - 1)).astype(np.int64)
