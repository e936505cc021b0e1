"""Institutions, outlets and staff: big networks everywhere, rural banks dense in one county."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from benchmarks.province.draws import Draws, Floats, Ints, apportion
from benchmarks.province.model import Institution, Outlet, Size, Staff
from shared.kernel.region import Region, city_of, full_name
from shared.kernel.uscc import check_character

KM_PER_DEGREE = 111.195
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
TIGHTNESS = 1.18
ROSTER_ON = date(2022, 3, 31)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of bank: its share of outlets, where they stand, and how they are staffed."""

    institution_type: str
    label: str
    share: float
    reach: str
    managers: float
    staffed: float


KINDS = (
    Kind("state", "国有大行", 0.335, "province", 2.6, 0.45),
    Kind("postal", "邮储行", 0.190, "province", 1.6, 0.20),
    Kind("policy", "政策行", 0.004, "cities", 4.0, 1.00),
    Kind("joint_stock", "股份行", 0.080, "cities", 4.2, 0.90),
    Kind("city_commercial", "城商行", 0.101, "province", 3.6, 0.80),
    Kind("rural_commercial", "农商行", 0.274, "county", 2.8, 0.55),
    Kind("village", "村镇行", 0.009, "county", 2.2, 1.00),
    Kind("foreign", "外资行", 0.004, "cities", 3.0, 1.00),
    Kind("private", "民营行", 0.003, "cities", 3.0, 1.00),
)
_KIND = {kind.institution_type: kind for kind in KINDS}
_WORDS = ("江海", "云帆", "青禾", "远山", "星河", "明湖", "长风", "晨曦", "松涛", "百川")


def invented_uscc(region_code: str, number: int, salt: int) -> str:
    """Return a valid credit code nobody holds: organisation codes do not begin with YL."""
    digits = ""
    for _ in range(5):
        number, rest = divmod(number, 31)
        digits = ALPHABET[rest] + digits
    tail = ALPHABET[salt % 31] + ALPHABET[salt // 31 % 31]
    first_17 = f"91{region_code}YL{digits}{tail}"
    return first_17 + check_character(first_17)


def make_institutions(seed: int, size: Size) -> list[Institution]:
    """Return the banks, numbered through all kinds."""
    draws = Draws(seed, 2)
    words = draws.shuffled(_WORDS)
    made: list[Institution] = []
    for kind, count in zip(KINDS, size.institutions, strict=True):
        for _ in range(count):
            number = len(made) + 1
            made.append(
                Institution(
                    code=f"YL{number:03d}",
                    name=f"{words[number % len(words)]}{kind.label}(样例{number:03d})",
                    institution_type=kind.institution_type,
                    uscc=invented_uscc("320000", number, int(draws.below(961, 1)[0])),
                )
            )
    return made


def _outlet_counts(draws: Draws, size: Size, banks: Sequence[Institution]) -> Ints:
    """Share the outlets: by kind, then unevenly within it; every bank has one."""
    weights = np.zeros(len(banks))
    for kind in KINDS:
        own = [i for i, bank in enumerate(banks) if bank.institution_type == kind.institution_type]
        spread = 0.4 + draws.unit(len(own))
        weights[own] = kind.share * spread / spread.sum() if own else 0.0
    return apportion(weights, size.outlets, floor=1)


def _counties_for(
    draws: Draws, bank: Institution, counties: Sequence[Region], weight: Floats, turn: int
) -> Ints:
    """Return the indexes of the counties where a bank has outlets."""
    reach = _KIND[bank.institution_type].reach
    if reach == "province":
        return np.arange(len(counties))
    if reach == "county":
        home = (turn * 7) % len(counties)
        near = [
            i for i, c in enumerate(counties) if city_of(c.code) == city_of(counties[home].code)
        ]
        return np.array([home, *draws.pick(near, 1)])
    by_city: dict[str, float] = {}
    for county, share in zip(counties, weight, strict=True):
        by_city[city_of(county.code)] = by_city.get(city_of(county.code), 0.0) + float(share)
    largest = sorted(by_city, key=lambda code: (-by_city[code], code))
    kept = set(largest[: 2 + int(draws.below(max(len(largest) - 1, 1), 1)[0])])
    return np.array([i for i, c in enumerate(counties) if city_of(c.code) in kept])


def make_outlets(
    seed: int,
    size: Size,
    banks: Sequence[Institution],
    counties: Sequence[Region],
    weight: Floats,
) -> list[Outlet]:
    """Place every bank's outlets and staff them; capacities follow when demand is known."""
    draws = Draws(seed, 3)
    made: list[Outlet] = []
    for turn, (bank, count) in enumerate(
        zip(banks, _outlet_counts(draws, size, banks), strict=True)
    ):
        pool = _counties_for(draws, bank, counties, weight, turn)
        places = _places(draws, pool, counties, weight, int(count))
        managers = _managers(draws, _KIND[bank.institution_type], places, counties)
        offset = draws.normal(2 * int(count)).reshape(2, -1) * 5.0
        for i, place in enumerate(places):
            county = counties[place]
            lon, lat = moved(county.lon, county.lat, float(offset[0, i]), float(offset[1, i]))
            made.append(
                Outlet(
                    code=f"{bank.code}{i + 1:04d}",
                    name=f"{bank.name}{county.name}第{i + 1}支行",
                    institution_code=bank.code,
                    region_code=county.code,
                    address=f"{full_name(county.code)}样例金融街{i + 1}号",
                    lon=lon,
                    lat=lat,
                    managers=int(managers[i]),
                    capacity=0,
                )
            )
    return made


def _places(
    draws: Draws, pool: Ints, counties: Sequence[Region], weight: Floats, count: int
) -> Ints:
    """Draw the county of each outlet; one in each city first, where there are enough."""
    cities: dict[str, list[int]] = {}
    for place in pool.tolist():
        cities.setdefault(city_of(counties[place].code), []).append(place)
    first: list[int] = []
    if count >= len(cities):
        first.extend(own[int(draws.weighted(weight[own], 1)[0])] for own in cities.values())
    rest = pool[draws.weighted(weight[pool], count - len(first))]
    return np.sort(np.concatenate([np.array(first, dtype=np.int64), rest]))


def moved(lon: float, lat: float, east_km: float, north_km: float) -> tuple[float, float]:
    """Return a point moved by kilometres, to a tenth of a metre."""
    across = KM_PER_DEGREE * float(np.cos(np.radians(lat)))
    return round(lon + east_km / across, 6), round(lat + north_km / KM_PER_DEGREE, 6)


def _managers(draws: Draws, kind: Kind, places: Ints, counties: Sequence[Region]) -> Ints:
    """Draw account managers per outlet; a bank present in a city has at least one there."""
    n = len(places)
    staffed = draws.unit(n) < kind.staffed
    number = 1 + np.floor(-np.log1p(-draws.unit(n)) * (kind.managers - 0.5)).astype(np.int64)
    managers = np.where(staffed, number, 0)
    seen: set[str] = set()
    for i, place in enumerate(places):
        city = city_of(counties[place].code)
        if city not in seen:
            seen.add(city)
            managers[i] = max(int(managers[i]), 1)
    return managers


def with_capacities(seed: int, outlets: Sequence[Outlet], demand: dict[str, int]) -> list[Outlet]:
    """Give staffed outlets a capacity: a city's sum is a fifth or so above its enterprises."""
    draws = Draws(seed, 5)
    capacity = [0] * len(outlets)
    for city in sorted(demand):
        here = [i for i, o in enumerate(outlets) if city_of(o.region_code) == city and o.managers]
        ability = 0.7 + 0.6 * draws.unit(len(here))
        slack = TIGHTNESS * (0.9 + 0.25 * draws.one())
        total = max(int(demand[city] * slack) + 1, len(here))
        weights = np.array([outlets[i].managers for i in here]) * ability
        for i, share in zip(here, apportion(weights, total, floor=1), strict=True):
            capacity[i] = int(share)
    return [replace(o, capacity=c) for o, c in zip(outlets, capacity, strict=True)]


def make_staff(seed: int, outlets: Sequence[Outlet]) -> list[Staff]:
    """Return a head and the managers of each staffed outlet, and some who have left."""
    draws = Draws(seed, 6)
    made: list[Staff] = []
    for outlet in outlets:
        if not outlet.managers:
            continue
        leavers = int(draws.chance(0.15, 1)[0])
        days = draws.below(2500, 1 + outlet.managers + leavers)
        for i, back in enumerate(days):
            joined_on = ROSTER_ON - timedelta(days=int(back) + 200)
            gone = i > outlet.managers
            made.append(
                Staff(
                    code=f"{outlet.code}{i:02d}",
                    name=f"样例行长{len(made):05d}" if i == 0 else f"样例经理{len(made):05d}",
                    institution_code=outlet.institution_code,
                    outlet_code=outlet.code,
                    role="branch_head" if i == 0 else "relationship_manager",
                    joined_on=joined_on,
                    left_on=joined_on + timedelta(days=180) if gone else None,
                )
            )
    return made
