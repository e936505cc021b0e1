"""Provinces, cities, counties and development zones, as a tree of six-digit codes.

A development zone with a code of its own stands beside the counties of its city (`zone`), and
counts as a county everywhere: lists, outlets and figures use it like one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from shared.kernel import tables
from shared.kernel.errors import BadInput


class Level(StrEnum):
    """Where a region stands in the tree."""

    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    ZONE = "zone"


@dataclass(frozen=True, slots=True)
class Region:
    """One administrative region; the point is rough and only good for distances of kilometres."""

    code: str
    name: str
    level: Level
    parent: str | None
    lon: float
    lat: float

    @property
    def is_county(self) -> bool:
        """Tell whether an enterprise can be placed here: a county or a zone."""
        return self.level in (Level.COUNTY, Level.ZONE)


@cache
def _by_code() -> MappingProxyType[str, Region]:
    return MappingProxyType(
        {
            row["code"]: Region(
                code=row["code"],
                name=row["name"],
                level=Level(row["level"]),
                parent=row["parent"] or None,
                lon=float(row["lon"]),
                lat=float(row["lat"]),
            )
            for row in tables.rows("regions.csv")
        }
    )


@cache
def _children() -> MappingProxyType[str, tuple[Region, ...]]:
    children: dict[str, list[Region]] = {}
    for each in _by_code().values():
        if each.parent:
            children.setdefault(each.parent, []).append(each)
    return MappingProxyType({code: tuple(below) for code, below in children.items()})


@cache
def _successors() -> MappingProxyType[str, str]:
    return MappingProxyType(
        {
            row["alias"]: row["code"]
            for row in tables.rows("region_aliases.csv")
            if row["where"] == "code"
        }
    )


def regions() -> Iterable[Region]:
    """Return every known region, ordered by code."""
    return _by_code().values()


def exists(code: str) -> bool:
    """Tell whether the code is a present region."""
    return code in _by_code()


def region(code: str) -> Region:
    """Return the region of a code.

    Units:   six-digit code.
    Raises:  BadInput `region.unknown`.
    Source:  JS-05.
    """
    found = _by_code().get(code)
    if found is None:
        raise BadInput("region.unknown", "行政区划代码不存在", code[:20])
    return found


def county(code: str) -> Region:
    """Return the county or zone of a code.

    Units:   six-digit code.
    Raises:  BadInput `region.unknown`, `region.not_a_county`.
    Source:  JS-06, ST-07.
    """
    found = region(code)
    if not found.is_county:
        raise BadInput("region.not_a_county", "应为区县级行政区划代码", found.name)
    return found


def present_code(code: str) -> str | None:
    """Return the present code of a possibly retired one; None where it is not known at all.

    Credit codes keep the region code of the day they were given, so old ones stay in use.
    """
    return code if exists(code) else _successors().get(code)


def province_of(code: str) -> str:
    """Return the province code of any region.

    Units:   six-digit codes.
    Raises:  BadInput `region.unknown`.
    Source:  ST-07.
    """
    return region(code).code[:2] + "0000"


def city_of(code: str) -> str:
    """Return the city code of a city, county or zone.

    Units:   six-digit codes.
    Raises:  BadInput `region.unknown`, `region.above_city`.
    Source:  ST-07.
    """
    found = region(code)
    if found.level is Level.PROVINCE:
        raise BadInput("region.above_city", "省级区划没有所属城市", found.name)
    return found.code[:4] + "00"


def cities_of(province_code: str) -> tuple[Region, ...]:
    """Return the cities of a province, ordered by code.

    Units:   six-digit code.
    Raises:  BadInput `region.unknown`.
    Source:  ST-07.
    """
    return tuple(r for r in children_of(province_code) if r.level is Level.CITY)


def counties_of(code: str) -> tuple[Region, ...]:
    """Return the counties and zones below a city or province; a county gives itself.

    Units:   six-digit code.
    Raises:  BadInput `region.unknown`.
    Source:  ST-07.
    """
    top = region(code)
    if top.is_county:
        return (top,)
    if top.level is Level.CITY:
        return children_of(code)
    return tuple(c for city in cities_of(code) for c in children_of(city.code))


def children_of(code: str) -> tuple[Region, ...]:
    """Return the regions directly below one, ordered by code.

    Units:   six-digit code.
    Raises:  BadInput `region.unknown`.
    Source:  ST-07.
    """
    return _children().get(region(code).code, ())


def path_of(code: str) -> tuple[Region, ...]:
    """Return the region and all above it, the province first.

    Units:   six-digit code.
    Raises:  BadInput `region.unknown`.
    Source:  ST-07.
    """
    here = region(code)
    return (*path_of(here.parent), here) if here.parent else (here,)


def full_name(code: str) -> str:
    """Return the name with all above it: 江苏省苏州市昆山市.

    Units:   six-digit code.
    Raises:  BadInput `region.unknown`.
    Source:  JS-05.
    """
    return "".join(each.name for each in path_of(code))


def is_below(code: str, top_code: str) -> bool:
    """Tell whether a region is another one or lies in it.

    Units:   six-digit codes.
    Raises:  BadInput `region.unknown` for `code`.
    Source:  ST-07.
    """
    return any(each.code == top_code for each in path_of(code))
